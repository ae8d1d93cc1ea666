# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages from real git repositories: versions, pins, moved tags, offline use, hostile content."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching import git as git_module
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import Package, PackageRequest, inspect_package, load_package

from tests.unit.support.builders import GitRepo, package_files, write


def load(repo: GitRepo, cache: Cache, version: str | None = "v5.5.2", commit: str | None = None) -> Package:
    return load_package(PackageRequest({"git": repo.url}, version, commit), [], cache)


def next_run(cache: Cache) -> Cache:
    """The same cache in another playbook run."""
    return Cache(cache.root, Path(tempfile.mkdtemp(dir=cache.root.parent)))


def rules(error: InputError) -> list[tuple[str, str]]:
    return [(item.id, item.severity) for item in error.findings]


def test_a_version_is_its_tag(repo: GitRepo, cache: Cache) -> None:
    first = repo.commit(package_files(), "v5.5.2")
    repo.commit({"pkg/option-returner/extra.txt": "x"}, "v5.6.0-rc.1")
    repo.git("tag", "--annotate", "v5.10.0", "--message", "annotated")
    repo.git("tag", "not-a-version")
    package = load(repo, cache)
    assert (package.name, package.version, package.commit) == ("mock-avs", "v5.5.2", first)
    assert package.versions == ("v5.10.0", "v5.5.2")
    assert package.findings == ()
    profile = package.profiles["option-returner"]
    assert profile.compose_dir == "pkg/option-returner"
    assert (profile.tree / "pkg/option-returner/docker-compose.yml").is_file()
    assert sorted(path.name for path in profile.tree.iterdir()) == ["pkg"]


def test_a_version_is_chosen_where_none_is_named(repo: GitRepo, cache: Cache) -> None:
    for tag in ("v1.9.0", "v1.10.0", "v2.0.0-rc.1"):
        repo.commit(package_files(), tag)
    assert inspect_package(PackageRequest({"git": repo.url}), [], cache).package.version == "v1.10.0"  # type: ignore[union-attr]


def test_a_prerelease_counts_when_named(repo: GitRepo, cache: Cache) -> None:
    repo.commit(package_files(), "v2.0.0-rc.1")
    assert load(repo, cache, "v2.0.0-rc.1").version == "v2.0.0-rc.1"


def test_an_unknown_version_lists_the_known(repo: GitRepo, cache: Cache) -> None:
    repo.commit(package_files(), "v5.5.2")
    with pytest.raises(InputError) as caught:
        load(repo, cache, "v9.9.9")
    assert rules(caught.value) == [("INV-002", "error")] and "v5.5.2" in str(caught.value)


@pytest.mark.parametrize(
    ("version", "commit"), [("5.5.2", None), ("v5.5", None), ("--upload-pack=x", None), ("v5.5.2", "abc"), ("v5.5.2", "A" * 40)]
)
def test_versions_and_commits_have_one_form(repo: GitRepo, cache: Cache, version: str, commit: str | None) -> None:
    with pytest.raises(InputError) as caught:
        load(repo, cache, version, commit)
    assert {item.id for item in caught.value.findings} == {"INV-001"}
    assert ("Write v5.5.2." in str(caught.value)) == (version == "5.5.2")


def test_a_moved_tag_is_an_error_naming_both_commits(repo: GitRepo, cache: Cache, tmp_path: Path) -> None:
    old = repo.commit(package_files(), "v5.5.2")
    load(repo, cache)
    new = repo.commit({"pkg/option-returner/x": "x"}, "v5.5.2")
    later = next_run(cache)
    with pytest.raises(InputError) as caught:
        load(repo, later)
    assert rules(caught.value) == [("SRC-002", "error")]
    assert old in str(caught.value) and new in str(caught.value)


def test_the_operators_commit_wins_over_a_moved_tag(repo: GitRepo, cache: Cache, tmp_path: Path) -> None:
    old = repo.commit(package_files(checksums=False), "v5.5.2")
    new = repo.commit({"pkg/option-returner/x": "x"}, "v5.5.2")
    package = load(repo, cache, commit=old)
    assert package.commit == old
    assert [(item.id, item.severity) for item in package.findings if item.id == "SRC-002"] == [("SRC-002", "warning")]
    assert load(repo, next_run(cache), commit=new).commit == new


def test_accepting_a_moved_tag_by_commit_settles_it(repo: GitRepo, cache: Cache, tmp_path: Path) -> None:
    repo.commit(package_files(checksums=False), "v5.5.2")
    load(repo, cache)
    new = repo.commit({"pkg/option-returner/x": "x"}, "v5.5.2")
    assert load(repo, next_run(cache), commit=new).commit == new
    assert load(repo, next_run(cache)).commit == new


def test_a_commit_behind_every_tip_can_be_had(repo: GitRepo, cache: Cache) -> None:
    old = repo.commit(package_files(), None)
    repo.commit({"other": "x"}, "v6.0.0")
    assert load(repo, cache, "v5.5.2", old).commit == old


def test_what_was_fetched_serves_without_the_server(repo: GitRepo, cache: Cache, tmp_path: Path) -> None:
    commit = repo.commit(package_files(), "v5.5.2")
    load(repo, cache)
    shutil.rmtree(repo.root)
    package = load(repo, next_run(cache))
    assert package.commit == commit
    assert [(item.id, item.severity) for item in package.findings] == [("SRC-001", "warning")]
    pinned = load(repo, next_run(cache), commit=commit)
    assert pinned.findings == ()


def test_without_server_and_cache_the_address_is_named(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(InputError) as caught:
        load_package(PackageRequest({"git": f"file://{tmp_path}/nowhere"}, "v1.0.0"), [], cache)
    assert rules(caught.value) == [("SRC-001", "error")] and "nowhere" in str(caught.value)


def count_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []

    class Recorder(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, command: list[str], **options: object) -> None:
            calls.extend(word for word in command if word in ("ls-remote", "fetch"))
            super().__init__(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(git_module.subprocess, "Popen", Recorder)
    return calls


def test_the_network_is_asked_once_a_run(repo: GitRepo, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit(package_files(), "v5.5.2")
    calls = count_network(monkeypatch)
    load(repo, cache)
    load(repo, Cache(cache.root, tmp_path / "run"))
    assert calls == ["ls-remote", "fetch"]
    calls.clear()
    load(repo, next_run(cache))
    assert calls == ["ls-remote"]


def test_a_failure_is_not_tried_again_in_the_run(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_network(monkeypatch)
    for _attempt in range(3):
        with pytest.raises(InputError):
            load_package(PackageRequest({"git": f"file://{tmp_path}/nowhere"}, "v1.0.0"), [], cache)
    assert calls == ["ls-remote"]


def _worker(url: str, root: str, run: str, results: multiprocessing.SimpleQueue[str]) -> None:
    package = load_package(PackageRequest({"git": url}, "v5.5.2"), [], Cache(Path(root), Path(run)))
    results.put(f"{package.commit} {package.profiles['option-returner'].tree_sha256}")


def test_many_workers_at_once(repo: GitRepo, cache: Cache, tmp_path: Path) -> None:
    commit = repo.commit(package_files(), "v5.5.2")
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    workers = [context.Process(target=_worker, args=(repo.url, str(cache.root), str(tmp_path / "run"), results)) for _number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 8
    answers = {results.get() for _worker in workers}
    assert len(answers) == 1 and answers.pop().startswith(commit)
    leftovers = [path.name for path in (cache.root / "trees").iterdir() if path.name.startswith(".")]
    assert leftovers == []


def test_a_damaged_tree_is_written_anew(repo: GitRepo, cache: Cache, tmp_path: Path) -> None:
    repo.commit(package_files(), "v5.5.2")
    tree = load(repo, cache).profiles["option-returner"].tree
    manifest = tree / "pkg/manifest.yml"
    good = manifest.read_text()
    manifest.write_text("name: changed\n")
    again = load(repo, next_run(cache)).profiles["option-returner"].tree
    assert again == tree and manifest.read_text() == good


def test_the_cache_is_private_and_must_be_ours(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    assert cache.root.stat().st_mode & 0o077 == 0
    cache.root.chmod(0o777)
    with pytest.raises(InputError, match="others may write"):
        Cache(cache.root)


def test_links_in_the_package_are_refused_and_elsewhere_ignored(repo: GitRepo, cache: Cache, tmp_path: Path) -> None:
    write(repo.root, package_files())
    os.symlink("/etc/passwd", repo.root / "outside")
    repo.commit({}, "v5.5.2")
    assert load(repo, cache).version == "v5.5.2"
    os.symlink("/etc/passwd", repo.root / "pkg/option-returner/link")
    repo.commit({}, "v5.5.3")
    with pytest.raises(InputError) as caught:
        load(repo, next_run(cache), "v5.5.3")
    assert rules(caught.value) == [("SRC-003", "error")] and "pkg/option-returner/link" in str(caught.value)


def test_a_linked_package_folder_is_refused(repo: GitRepo, cache: Cache) -> None:
    write(repo.root, {f"real/{path.removeprefix('pkg/')}": text for path, text in package_files().items() if path.startswith("pkg/")})
    os.symlink("real", repo.root / "pkg")
    repo.commit({}, "v5.5.2")
    with pytest.raises(InputError, match="symbolic link"):
        load(repo, cache)


def test_submodules_and_case_tricks_are_refused(repo: GitRepo, cache: Cache) -> None:
    commit = repo.commit(package_files())
    for path in ("pkg/Manifest.yml", "pkg/option-returner/sub"):
        mode = "160000" if path.endswith("sub") else "100644"
        name = commit if mode == "160000" else repo.git("hash-object", "-w", "CHANGELOG.md")
        repo.git("update-index", "--add", "--cacheinfo", f"{mode},{name},{path}")
    repo.git("commit", "--quiet", "--message", "hostile")
    repo.git("tag", "v5.5.2")
    with pytest.raises(InputError) as caught:
        load(repo, cache)
    assert rules(caught.value) == [("SRC-003", "error")] * 2
    assert "submodule" in str(caught.value) and "case" in str(caught.value)


def test_attributes_and_hooks_of_a_repository_do_nothing(repo: GitRepo, cache: Cache, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    files = package_files(checksums=False)
    files[".gitattributes"] = "* filter=evil text eol=crlf export-subst\npkg/option-returner/.env export-ignore\n"
    files["pkg/option-returner/note.txt"] = "$Format:%H$\n"
    repo.commit(files, "v5.5.2")
    for hook in ("post-checkout", "post-update", "pre-auto-gc", "reference-transaction"):
        write(repo.root, {f".git/hooks/{hook}": f"#!/bin/sh\ntouch {marker}\n"})
        (repo.root / f".git/hooks/{hook}").chmod(0o755)
    tree = load(repo, cache).profiles["option-returner"].tree
    assert (tree / "pkg/option-returner/note.txt").read_bytes() == b"$Format:%H$\n"
    assert (tree / "pkg/option-returner/.env").read_bytes() == b"MAIN_PORT=8080\n"
    assert not marker.exists()
