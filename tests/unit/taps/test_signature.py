# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was signed once cannot be shown again under another name, or in place of what came after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.signature import _own_name
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import Tap, TapConfig, open_tap

from tests.unit.fetching.test_git import next_run
from tests.unit.support.builders import GitRepo
from tests.unit.taps.test_tap import Signer, tap_files


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path, "release")


class History:
    """A tap whose commits lie a day apart, and the signed tag of each: ``v1``, ``v2``, ..."""

    def __init__(self, folder: Path, repo: GitRepo, signer: Signer) -> None:
        self.repo, self.signer = GitRepo(folder), signer
        self.commits: list[str] = []
        self.repo.commit(tap_files(repo))
        for day in (1, 2, 3):
            at = f"2026-03-0{day}T12:00:00Z"
            line = ("commit", "--quiet", "--allow-empty", "--gpg-sign", "--message", "signed")
            self.repo.git(*signer.settings, *line, GIT_COMMITTER_DATE=at, GIT_AUTHOR_DATE=at)
            self.commits.append(self.repo.git("rev-parse", "HEAD"))
            signer.tag(self.repo, f"v{day}")

    def show(self, name: str, as_name: str) -> None:
        """Whoever holds the server: a tag's very object under another name."""
        self.repo.git("update-ref", f"refs/tags/{as_name}", self.repo.git("rev-parse", f"refs/tags/{name}"))


@pytest.fixture
def history(tmp_path: Path, repo: GitRepo, signer: Signer) -> History:
    return History(tmp_path / "tap", repo, signer)


@pytest.fixture
def opened(history: History, cache: Cache) -> Callable[..., Tap]:
    """Opens the tap in a run of its own."""

    def make(ref: str | None, signed: bool = True) -> Tap:
        return open_tap(TapConfig("core", history.repo.url, ref, str(history.signer.allowed) if signed else None), next_run(cache))

    return make


def refused(opened: Callable[..., Tap], *ref: object) -> str:
    with pytest.raises(InputError) as caught:
        opened(*ref)
    (found,) = caught.value.findings
    assert found.id == "TAP-003"
    return found.message


def test_a_signed_tag_is_known_by_its_own_name_alone(history: History, opened: Callable[..., Tap]) -> None:
    history.show("v1", "v9")
    assert refused(opened, "v9") == "the tag v9 is signed as v1: somebody shows it under another name"
    assert opened("v1").commit == history.commits[0]


def test_a_tag_of_a_signed_tag_is_not_the_tag(history: History, opened: Callable[..., Tap]) -> None:
    history.repo.git("tag", "--annotate", "--message", "x", "v9", "v1")
    with pytest.raises(InputError, match="not signed by an allowed signer"):
        opened("v9")


@pytest.mark.parametrize("signed", [True, False])
def test_a_tag_that_moved_names_both_commits(history: History, opened: Callable[..., Tap], signed: bool) -> None:
    assert opened("v2", signed).commit == history.commits[1]
    assert opened("v2", signed).findings == ()
    history.repo.git("checkout", "--quiet", history.commits[2])
    history.signer.tag(history.repo, "v2")
    message = refused(opened, "v2", signed)
    assert history.commits[1] in message and history.commits[2] in message
    assert refused(opened, "v2", signed) == message
    assert opened(history.commits[2], signed).commit == history.commits[2]


@pytest.mark.parametrize("ref", [None, "main"])
def test_a_branch_that_went_back_is_refused_where_signatures_are_asked_for(
    history: History, opened: Callable[..., Tap], ref: str | None
) -> None:
    """Each of its commits is well signed; the server shows an old one again."""
    assert opened(ref).findings == ()
    history.repo.git("reset", "--quiet", "--hard", history.commits[0])
    message = refused(opened, ref)
    assert history.commits[0] in message and history.commits[2] in message and "2026-03-03 12:00" in message
    assert opened(history.commits[0]).commit == history.commits[0]
    refused(opened, ref)
    history.repo.git("reset", "--quiet", "--hard", history.commits[2])
    assert opened(ref).findings == ()


def test_a_branch_that_went_back_is_a_warning_elsewhere(history: History, opened: Callable[..., Tap]) -> None:
    opened("main", False)
    history.repo.git("reset", "--quiet", "--hard", history.commits[0])
    assert [(item.id, item.severity) for item in opened("main", False).findings] == [("TAP-003", "warning")]


def test_an_older_tag_is_noticed(history: History, opened: Callable[..., Tap]) -> None:
    """Only the operator can choose it; a light one could be shown by the server."""
    assert opened("v1").findings == ()
    assert opened("v3").findings == ()
    (found,) = opened("v2").findings
    assert (found.id, found.severity) == ("TAP-003", "warning")
    assert history.commits[1] in found.message and history.commits[2] in found.message
    history.repo.git("tag", "light", history.commits[0])
    refused(opened, "light")
    history.repo.git("tag", "newest", history.commits[2])
    assert opened("newest").findings == ()


def test_what_was_seen_is_asked_once_a_run(history: History, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    config = TapConfig("core", history.repo.url, "v2", str(history.signer.allowed))
    run = next_run(cache)
    open_tap(TapConfig("core", history.repo.url, "v3", str(history.signer.allowed)), run)
    first = open_tap(config, run)
    monkeypatch.setattr("ansible_collections.restaking.avs.plugins.plugin_utils.taps.signature.run_git", lambda *_a, **_b: 1 / 0)
    assert open_tap(config, run).findings == first.findings != ()


@pytest.mark.parametrize("record", ["", "[]", '{"seen": 5, "newest": {"refs/tags/": {"commit": 1}}}', '{"seen": {"refs/tags/v1": []}}'])
def test_a_damaged_record_counts_as_none(history: History, opened: Callable[..., Tap], cache: Cache, record: str) -> None:
    opened("v1")
    (path,) = (cache.root / "meta").glob("taps-*.json")
    path.write_text(record)
    assert opened("v1").commit == history.commits[0]


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (b"object 1\ntype commit\ntag v1\ntagger x\n\ntag v2\n", "v1"),
        (b"object 1\ntype commit\ntag v1\ntag v2\ntagger x\n\n", None),
        (b"object 1\ntype commit\n\ntag v2\n", None),
        (b"", None),
    ],
)
def test_the_name_in_a_tag(tag: bytes, name: str | None) -> None:
    assert _own_name(tag) == name
