# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far behind its tap an instance is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.tree import FolderTree
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.notes import changes, read_notes
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.kinds import rows_report
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.outdated import Taps, outdated_rows
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import TapConfig

from tests.unit.support.builders import MANIFEST, GitRepo, as_yaml, package_files, write

NOTES = "# Changes\n\n## v1.2.0\n\n- Third.\n\n## [1.1.0] - 2026-01-01\n- Second\x1b[2J.\n\n## v1.0.0\n- First.\n"


def release(repo: GitRepo, version: str, upgrade: str, notes: str = NOTES) -> str:
    return repo.commit({**package_files(manifest={**MANIFEST, "upgrade": upgrade}), "CHANGELOG.md": notes}, version)


def tap(root: Path, repo: GitRepo, name: str = "core", **index: Any) -> TapConfig:
    files = {
        "tap.yml": as_yaml({"schema": 1, "name": name}),
        "packages/mock-avs.yml": as_yaml({"name": "mock-avs", "url": repo.url, **index}),
    }
    return TapConfig(name, str(write(root / name, files)))


def installed(version: str | None = "v1.0.0", **changes: Any) -> dict[str, Any]:
    return {"id": "mock-avs-op1", "package": "mock-avs", "version": version, "phase": "committed", **changes}


@pytest.fixture
def taps(tmp_path: Path, repo: GitRepo, cache: Cache) -> Taps:
    for version, upgrade in (("v1.0.0", "optional"), ("v1.1.0", "required"), ("v1.2.0", "optional"), ("v2.0.0-rc1", "required")):
        release(repo, version, upgrade)
    return Taps([tap(tmp_path, repo)], cache)


def row(taps: Taps, item: dict[str, Any], *declared: Any) -> dict[str, Any]:
    (found,) = outdated_rows("h", [item], declared, taps)
    return found


def test_one_that_is_behind(taps: Taps) -> None:
    found = row(taps, installed(), {"package": "core/mock-avs", "tag": "op1"})
    assert (found["tap"], found["newest"], found["behind"], found["note"]) == ("core", "v1.2.0", True, "")
    # The most urgent on the way counts, not the last one.
    assert found["upgrade"] == "required"
    assert [(item["version"], item["upgrade"], item["changes"]) for item in found["versions"]] == [
        ("v1.2.0", "optional", ["- Third."]), ("v1.1.0", "required", ["- Second\x1b[2J."]),
    ]  # fmt: skip
    table = rows_report([found, {**found, "host": "h2"}], "outdated", "table", "").splitlines()
    assert table[1].split() == ["h", "mock-avs-op1", "core", "v1.0.0", "v1.2.0", "required", "-", "-"]
    # What changed is told once for all that are as far behind.
    assert table[3:] == [
        "",
        "mock-avs v1.0.0 -> v1.2.0",
        "  v1.2.0 (optional)",
        "    - Third.",
        "  v1.1.0 (required)",
        "    - Second\\x1b[2J.",
    ]


@pytest.mark.parametrize(
    ("version", "behind", "note"),
    [
        ("v1.2.0", False, ""),
        ("v1.2.0-rc1", True, ""),
        ("v2.0.0-rc1", False, "newer than the newest of its tap"),
        (None, None, "which version is installed is not known"),
    ],
)
def test_versions(taps: Taps, version: str | None, behind: bool | None, note: str) -> None:
    found = row(taps, installed(version))
    assert (found["behind"], found["note"]) == (behind, note)


def test_an_index_says_how_urgent_a_version_is(tmp_path: Path, repo: GitRepo, cache: Cache) -> None:
    commits = {version: release(repo, version, "optional", "") for version in ("v1.0.0", "v1.1.0")}
    versions = [
        {"version": "v1.0.0", "commit": commits["v1.0.0"]},
        {"version": "v1.1.0", "commit": commits["v1.1.0"], "upgrade": "recommended"},
    ]
    found = row(Taps([tap(tmp_path, repo, versions=versions)], cache), installed())
    assert found["upgrade"] == "recommended" and found["versions"] == [{"version": "v1.1.0", "upgrade": "recommended", "changes": []}]


@pytest.mark.parametrize(
    ("package", "note"),
    [
        ({"path": "/p"}, "from a folder: no tap to compare with"),
        ({"git": "https://x@h/r.git"}, "from a git repository of its own: no tap to compare with"),
        ({"archive": "a.tgz"}, "from an archive: no tap to compare with"),
        ("other/mock-avs", "other/mock-avs is in none of the taps core"),
    ],
)
def test_packages_of_no_tap(taps: Taps, package: Any, note: str) -> None:
    found = row(taps, installed(), {"package": package, "tag": "op1"}, {"package": "mock-avs", "tag": "op2"})
    assert (found["behind"], found["newest"], found["note"]) == (None, None, note)


def test_what_is_gone_is_not_compared(taps: Taps) -> None:
    assert outdated_rows("h", [installed(phase="absent"), installed(phase=None)], [], taps) == []


def test_a_tap_that_cannot_be_read_is_no_end(tmp_path: Path, taps: Taps) -> None:
    broken = Taps([TapConfig("gone", str(tmp_path / "nowhere")), *taps.configs], taps.cache)
    found = row(broken, installed())
    assert found["behind"] is None and found["note"].startswith("not known: ") and "nowhere" in found["note"]
    # Asked by its name, the other tap answers.
    assert row(broken, installed(), {"package": "core/mock-avs", "tag": "op1"})["behind"] is True


def test_a_version_between_that_cannot_be_read(tmp_path: Path, repo: GitRepo, cache: Cache) -> None:
    release(repo, "v1.0.0", "optional")
    repo.commit({"pkg/manifest.yml": "{"}, "v1.1.0")
    assert row(Taps([tap(tmp_path, repo)], cache), installed())["upgrade"] is None


@pytest.mark.parametrize("name", ["odd/../x", "", "a/b/c", None, 7])
def test_odd_records(taps: Taps, name: Any) -> None:
    assert row(taps, installed(package=name))["note"] == "what is recorded names no package"


@pytest.mark.parametrize(
    "text",
    [
        "## v1.1.0\n- a\n## v1.0.0\n- b",
        "# Changelog\n\n### Version 1.1.0 (2026)\n\n- a\n\n### Version 1.0.0\n- b",
        "v1.1.0\n======\n\n- a\n\nv1.0.0\n======\n- b",
        "## [v1.1.0](https://x)\n- a\n## Unreleased stuff below\n## [v1.0.0]\n- b",
    ],
)
def test_forms_of_notes(text: str) -> None:
    assert changes(text, "v1.0.0", "v1.1.0")["v1.1.0"][0] == "- a" and "v1.0.0" not in changes(text, "v1.0.0", "v1.1.0")


def test_notes_that_say_too_much_are_cut() -> None:
    found = changes("## v1.1.0\n" + "x" * 10_000 + "\n" + "y\n" * 10_000, "v1.0.0", "v1.1.0")["v1.1.0"]
    assert len(found) == 40 and max(map(len, found)) == 300


def test_where_notes_lie(tmp_path: Path) -> None:
    assert read_notes(FolderTree(write(tmp_path / "a", {"pkg/manifest.yml": "x"})), "") == ""
    assert read_notes(FolderTree(write(tmp_path / "b", {"pkg/CHANGELOG.md": "inner", "HISTORY": "outer"})), "") == "outer"
    adapter = write(tmp_path / "c", {"packages/x/v1/manifest.yml": "x", "packages/x/v1/CHANGES.md": "own", "CHANGELOG.md": "of the tap"})
    assert read_notes(FolderTree(adapter), "packages/x/v1") == "own"
    (adapter / "packages/x/v1/CHANGES.md").unlink()
    (adapter / "packages/x/v1/CHANGES.md").symlink_to("/etc/passwd")
    assert read_notes(FolderTree(adapter), "packages/x/v1") == ""
