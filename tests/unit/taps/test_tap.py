# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import Package, PackageRequest, load_package
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.offer import offer
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import TapConfig, open_tap, parse_taps

from tests.unit.fetching.test_git import next_run
from tests.unit.support.builders import GitRepo, as_yaml, package_files, write


def tap_files(repo: GitRepo, name: str = "mock-avs", tap: dict[str, Any] | None = None, **fields: Any) -> dict[str, str]:
    index = {"name": name, "url": repo.url, "description": "A mock", **fields}
    return {"tap.yml": as_yaml(tap or {"schema": 1, "name": "core"}), f"packages/{name}.yml": as_yaml(index)}


def load(
    taps: list[TapConfig], cache: Cache, package: str = "mock-avs", version: str | None = "v5.5.2", commit: str | None = None
) -> Package:
    return load_package(PackageRequest(package, version, commit), taps, cache)


def ids(error: InputError) -> list[str]:
    return [item.id for item in error.findings]


@pytest.fixture
def commit(repo: GitRepo) -> str:
    return repo.commit(package_files(), "v5.5.2")


def test_taps_are_searched_in_order_and_by_name(tmp_path: Path, repo: GitRepo, cache: Cache, commit: str) -> None:
    other = GitRepo(tmp_path / "other")
    files = package_files()
    files["README"] = "another"
    theirs = other.commit(files, "v5.5.2")
    taps = [
        TapConfig("empty", str(write(tmp_path / "t0", {"tap.yml": "schema: 1\nname: empty\n"}))),
        TapConfig("core", str(write(tmp_path / "t1", tap_files(repo)))),
        TapConfig("extra", str(write(tmp_path / "t2", tap_files(other)))),
    ]
    assert load(taps, cache).commit == commit
    assert load(taps, cache, "extra/mock-avs").commit == theirs
    with pytest.raises(InputError) as caught:
        load(taps, cache, "empty/mock-avs")
    assert ids(caught.value) == ["INV-002"]


def test_unknown_taps_and_packages_say_what_there_is(tmp_path: Path, repo: GitRepo, cache: Cache) -> None:
    taps = [TapConfig("core", str(write(tmp_path / "t", tap_files(repo))))]
    with pytest.raises(InputError, match="there now: core"):
        load(taps, cache, "cor/mock-avs")
    with pytest.raises(InputError, match="did you mean mock-avs"):
        load(taps, cache, "moc-avs")
    with pytest.raises(InputError, match="no tap is configured"):
        load([], cache)


def test_a_tap_that_cannot_be_read_is_not_passed_over(tmp_path: Path, repo: GitRepo, cache: Cache, commit: str) -> None:
    taps = [TapConfig("gone", f"file://{tmp_path}/gone"), TapConfig("core", str(write(tmp_path / "t", tap_files(repo))))]
    with pytest.raises(InputError) as caught:
        load(taps, cache)
    assert ids(caught.value) == ["TAP-001"]


def test_the_index_binds_a_version_to_a_commit(tmp_path: Path, repo: GitRepo, cache: Cache, commit: str) -> None:
    versions = [{"version": "v5.5.2", "commit": commit, "upgrade": "required"}]
    taps = [TapConfig("core", str(write(tmp_path / "t", tap_files(repo, versions=versions))))]
    package = load(taps, cache)
    assert (package.commit, package.upgrade, package.versions) == (commit, "required", ("v5.5.2",))
    moved = repo.commit({"pkg/x": "x"}, "v5.5.2")
    with pytest.raises(InputError) as caught:
        load(taps, next_run(cache))
    assert ids(caught.value) == ["SRC-002"] and commit in str(caught.value) and moved in str(caught.value)
    assert load(taps, next_run(cache), commit=commit).commit == commit


def test_the_index_binds_before_anything_was_fetched(tmp_path: Path, repo: GitRepo, cache: Cache, commit: str) -> None:
    other = repo.commit({"pkg/x": "x"})
    taps = [TapConfig("core", str(write(tmp_path / "t", tap_files(repo, versions=[{"version": "v5.5.2", "commit": other}]))))]
    with pytest.raises(InputError) as caught:
        load(taps, cache)
    assert ids(caught.value) == ["SRC-002"]


def test_a_version_outside_the_index_is_refused(tmp_path: Path, repo: GitRepo, cache: Cache, commit: str) -> None:
    repo.commit({"x": "x"}, "v6.0.0")
    taps = [TapConfig("core", str(write(tmp_path / "t", tap_files(repo, versions=[{"version": "v5.5.2", "commit": commit}]))))]
    with pytest.raises(InputError, match="not in the tap's index"):
        load(taps, cache, version="v6.0.0")
    assert load(taps, cache, version=None).version == "v5.5.2"


def test_the_index_may_pin_the_tree(tmp_path: Path, repo: GitRepo, cache: Cache, commit: str) -> None:
    root = tmp_path / "t"
    tree = load([TapConfig("core", str(write(root, tap_files(repo))))], cache).profiles["option-returner"].tree_sha256
    for digest, problem in ((tree, False), ("0" * 64, True)):
        write(root, tap_files(repo, versions=[{"version": "v5.5.2", "commit": commit, "tree_sha256": digest}]))
        if problem:
            with pytest.raises(InputError) as caught:
                load([TapConfig("core", str(root))], cache)
            assert ids(caught.value) == ["PKG-013"]
        else:
            assert load([TapConfig("core", str(root))], cache).commit == commit


def test_a_git_tap_by_branch_and_tag(tmp_path: Path, repo: GitRepo, cache: Cache, commit: str) -> None:
    tap = GitRepo(tmp_path / "tap")
    tap.commit({"tap.yml": "schema: 1\nname: core\n"}, "v1")
    tap.commit(tap_files(repo))
    assert open_tap(TapConfig("core", tap.url), cache).names() == ["mock-avs"]
    assert open_tap(TapConfig("core", tap.url, "main"), cache).names() == ["mock-avs"]
    assert open_tap(TapConfig("core", tap.url, "v1"), cache).names() == []
    assert load([TapConfig("core", tap.url)], cache).commit == commit
    with pytest.raises(InputError, match="no tag or branch"):
        open_tap(TapConfig("core", tap.url, "v2"), cache)


def test_a_git_tap_serves_without_its_server(tmp_path: Path, repo: GitRepo, cache: Cache, commit: str) -> None:
    tap = GitRepo(tmp_path / "tap")
    tap.commit(tap_files(repo))
    load([TapConfig("core", tap.url)], cache)
    shutil.rmtree(tap.root)
    package = load([TapConfig("core", tap.url)], next_run(cache))
    assert package.commit == commit
    assert [(item.id, item.severity) for item in package.findings] == [("SRC-001", "warning")]


def test_a_remote_tap_may_not_point_into_this_machine(tmp_path: Path, repo: GitRepo, cache: Cache, commit: str) -> None:
    opened = open_tap(TapConfig("core", str(write(tmp_path / "t", tap_files(repo)))), cache)
    assert opened.local
    relative = open_tap(TapConfig("core", str(write(tmp_path / "t", tap_files(repo, url="../repo")))), cache)
    assert load([relative.config], cache).commit == commit


@pytest.mark.parametrize(("tap", "rule"), [
    ({"schema": 2, "name": "x"}, "TAP-001"), ({"name": "x"}, "TAP-001"), ({"schema": 1}, "TAP-001"),
    ({"schema": 1, "name": "x", "expires": "soon"}, "TAP-001"),
])  # fmt: skip
def test_taps_that_are_refused(tmp_path: Path, repo: GitRepo, cache: Cache, tap: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError) as caught:
        open_tap(TapConfig("core", str(write(tmp_path / "t", tap_files(repo, tap=tap)))), cache)
    assert rule in ids(caught.value)


@pytest.mark.parametrize("fields", [
    {"name": "other"}, {"url": None}, {"versions": [{"version": "5.5.2", "commit": "a" * 40}]}, {"versions": [{"version": "v5.5.2", "commit": "main"}]},
    {"versions": [{"version": "v5.5.2"}]}, {"versions": {"v5.5.2": "a" * 40}}, {"url": "ext::true"},
])  # fmt: skip
def test_index_files_that_are_refused(tmp_path: Path, repo: GitRepo, cache: Cache, fields: dict[str, Any]) -> None:
    files = tap_files(repo)
    files["packages/mock-avs.yml"] = as_yaml({"name": "mock-avs", "url": repo.url, **fields})
    with pytest.raises(InputError):
        load([TapConfig("core", str(write(tmp_path / "t", files)))], cache)


@pytest.mark.parametrize(("file", "problem"), [
    ("packages/mock-avs/manifest.yml", "holds both"), ("packages/other/x.yml", "neither manifest.yml"), ("packages/other/1.0.0/manifest.yml", "neither"),
])  # fmt: skip
def test_packages_that_are_neither_index_nor_adapter(tmp_path: Path, repo: GitRepo, cache: Cache, file: str, problem: str) -> None:
    files = {**tap_files(repo), file: "name: x\n"}
    with pytest.raises(InputError, match=problem) as caught:
        load([TapConfig("core", str(write(tmp_path / "t", files)))], cache, file.split("/")[1])
    assert ids(caught.value) == ["TAP-001"]


def test_what_is_odd_in_an_index_is_said(tmp_path: Path, repo: GitRepo, cache: Cache, commit: str) -> None:
    tap = TapConfig("core", str(write(tmp_path / "t", tap_files(repo, netwroks=["hoodi"]))))
    place = "core/packages/mock-avs.yml: netwroks"
    (found,) = load([tap], cache).findings
    assert (found.id, found.severity, found.place) == ("PKG-003", "warning", place)
    assert "did you mean networks?" in found.message
    assert [item["place"] for item in offer(open_tap(tap, cache), cache)["findings"]] == [place]


@pytest.mark.parametrize("expires", ["9999-12-31", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "20270115", ""])
def test_odd_dates_never_raise(tmp_path: Path, repo: GitRepo, cache: Cache, expires: str) -> None:
    tap = {"schema": 1, "name": "core", "expires": expires}
    try:
        open_tap(TapConfig("core", str(write(tmp_path / "t", tap_files(repo, tap=tap)))), cache)
    except InputError as error:
        assert ids(error) == ["TAP-001"]


def test_links_in_a_tap_are_refused(tmp_path: Path, repo: GitRepo, cache: Cache) -> None:
    root = write(tmp_path / "t", tap_files(repo))
    (root / "packages/link.yml").symlink_to("/etc/passwd")
    with pytest.raises(InputError) as caught:
        open_tap(TapConfig("core", str(root)), cache)
    assert ids(caught.value) == ["SRC-003"]


def test_expiry_warns_and_with_signatures_refuses(tmp_path: Path, repo: GitRepo, cache: Cache, signer: Signer) -> None:
    for expires, expired in (("2020-01-01", True), ("2020-01-01T00:00:00Z", True), ("2999-01-01", False)):
        tap = {"schema": 1, "name": "core", "expires": expires}
        opened = open_tap(TapConfig("core", str(write(tmp_path / "t", tap_files(repo, tap=tap)))), cache)
        assert [(item.id, item.severity) for item in opened.findings] == ([("TAP-002", "warning")] if expired else [])
    signed = GitRepo(tmp_path / "signed")
    signed.commit(tap_files(repo, tap={"schema": 1, "name": "core", "expires": "2020-01-01"}))
    signer.tag(signed, "v1")
    with pytest.raises(InputError) as caught:
        open_tap(TapConfig("core", signed.url, "v1", str(signer.allowed)), cache)
    assert ids(caught.value) == ["TAP-002"]


class Signer:
    def __init__(self, folder: Path, name: str) -> None:
        self.key = folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.key)], check=True)
        public = self.key.with_suffix(".pub").read_text()
        self.allowed = folder / f"{name}.allowed_signers"
        self.allowed.write_text(f'{name}@example.org namespaces="git" {public}')
        self.settings = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={self.key}"]

    def tag(self, repo: GitRepo, name: str) -> None:
        repo.git(*self.settings, "tag", "--force", "--sign", "--message", name, name)

    def commit(self, repo: GitRepo) -> str:
        repo.git(*self.settings, "commit", "--quiet", "--allow-empty", "--gpg-sign", "--message", "signed")
        return repo.git("rev-parse", "HEAD")


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path, "release")


def test_signed_tags_and_commits_are_accepted(tmp_path: Path, repo: GitRepo, cache: Cache, commit: str, signer: Signer) -> None:
    tap = GitRepo(tmp_path / "tap")
    tap.commit(tap_files(repo))
    signer.tag(tap, "v1")
    assert load([TapConfig("core", tap.url, "v1", str(signer.allowed))], cache).commit == commit
    signed = signer.commit(tap)
    tap.git("tag", "light")
    for ref in (None, "main", "light", signed):
        assert open_tap(TapConfig("core", tap.url, ref, str(signer.allowed)), next_run(cache)).commit == signed


def test_without_an_allowed_signature_a_tap_is_refused(tmp_path: Path, repo: GitRepo, cache: Cache, signer: Signer) -> None:
    stranger = Signer(tmp_path, "stranger")
    tap = GitRepo(tmp_path / "tap")
    signer.commit(tap)
    tap.commit(tap_files(repo))
    tap.git("tag", "light")
    tap.git("tag", "--annotate", "unsigned", "--message", "x")
    stranger.tag(tap, "foreign")
    for ref in (None, "main", "light", "unsigned", "foreign"):
        with pytest.raises(InputError, match="not signed by an allowed signer") as caught:
            open_tap(TapConfig("core", tap.url, ref, str(signer.allowed)), next_run(cache))
        assert ids(caught.value) == ["TAP-001"]
    with pytest.raises(InputError, match="allowed_signers file"):
        open_tap(TapConfig("core", tap.url, "foreign", str(tmp_path / "nowhere")), cache)


def test_an_unsigned_tag_on_a_signed_commit_is_refused(tmp_path: Path, repo: GitRepo, cache: Cache, signer: Signer) -> None:
    tap = GitRepo(tmp_path / "tap")
    tap.commit(tap_files(repo))
    signer.commit(tap)
    tap.git("tag", "--annotate", "v1", "--message", "x")
    with pytest.raises(InputError, match="not signed"):
        open_tap(TapConfig("core", tap.url, "v1", str(signer.allowed)), cache)


def test_a_folder_without_git_carries_no_signature(tmp_path: Path, repo: GitRepo, cache: Cache, signer: Signer) -> None:
    root = write(tmp_path / "t", tap_files(repo))
    with pytest.raises(InputError):
        open_tap(TapConfig("core", str(root), None, str(signer.allowed)), cache)


@pytest.mark.parametrize("entries", ["core", [{"url": "/x"}], [{"name": "Core X", "url": "/x"}], [{"name": "a", "url": "/x"}] * 2,
                                     [{"name": "a", "url": "/x", "branch": "b"}], [{"name": "a", "url": "/x", "ref": "--x"}]])  # fmt: skip
def test_tap_entries_that_are_refused(entries: Any) -> None:
    with pytest.raises(InputError) as caught:
        parse_taps(entries)
    assert set(ids(caught.value)) == {"INV-001"}


def test_tap_entries(tmp_path: Path) -> None:
    declared = [
        {"name": "a", "url": "https://x/y", "ref": "v1", "allowed_signers": "files/s"},
        {"name": "b", "url": "taps/b"},
        {"name": "c", "url": "git@h:x"},
    ]
    assert parse_taps(declared, tmp_path) == [
        TapConfig("a", "https://x/y", "v1", str(tmp_path / "files/s")),
        TapConfig("b", str(tmp_path / "taps/b")),
        TapConfig("c", "git@h:x"),
    ]
    assert parse_taps(None) == []
