# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of the inventory that ask for what is not there, twice for one thing, or in the wrong words."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bad_input import packages as p
from tests.integration.bad_input.refusal import BAD, ID, Entry, Problem, assert_problems, at, refused
from tests.integration.support import Fleet, Host
from tests.lab import keys, network, paths, repository, services
from tests.lab.shell import run

# A value of a wrong type in every field; one field more is nobody's.
WRONG: Entry = {
    "package": {"tap": "core"}, "version": 1.0, "commit": "abc", "profile": 7, "state": True, "purge": "yes, please",
    "options": ["main-port"], "keys": "bls", "ports": 8080, "exceptions": {}, "limits": [], "gate_timeout": "soon",
    "require_checksum": "maybe", "optoins": {},
}  # fmt: skip


CASES: list[tuple[Entry, list[Problem], tuple[str, ...]]] = [
    ({"package": "demo-avz"}, [("INV-002", f"{BAD}: package")], ("did you mean demo-avs?",)),
    ({"package": "elsewhere/demo-avs"}, [("INV-002", f"{BAD}: package")], ("there is no tap elsewhere", "there now: core")),
    ({"version": "v1.0.9"}, [("INV-002", f"{BAD}: version")], ("v1.0.9 is not in the tap's index", "v1.0.0.")),
    ({"version": "1.0.0"}, [("INV-001", f"{BAD}.version")], ("a version like v1.2.3",)),
    ({"commit": "f" * 40}, [("SRC-001", f"{BAD}: commit")], ("f" * 40, "the repository has no such commit")),
    ({"state": "running"}, [("INV-001", f"{BAD}.state")], ("'running' is not one of started, stopped, absent",)),
    ({"tag": "../../etc"}, [("INV-001", f"{BAD}.tag")], ("'../../etc' is not a tag",)),
    (WRONG, [("INV-001", f"{BAD}.{name}") for name in (*WRONG, "package.tap")], ()),
]


def test_bad_entries_each_with_all_that_is_wrong_with_it(fleet: Fleet, standing: tuple[Host, Entry], bad: Any) -> None:
    host, good = standing
    entries = [bad(None, number, **changes) for number, (changes, _problems, _says) in enumerate(CASES, start=1)]
    refusal = refused(fleet, host, [good, *entries])
    assert_problems(
        refusal,
        *((rule, at(number, place)) for number, (_changes, problems, _says) in enumerate(CASES, start=1) for rule, place in problems),
    )
    for number, (_changes, _problems, says) in enumerate(CASES, start=1):
        assert [word for word in says if word not in refusal.lines(number)] == [], (number, refusal.message)


def test_a_bad_entry_before_a_good_one(fleet: Fleet, standing: tuple[Host, Entry], bad: Any) -> None:
    """The other way round than everywhere else: each problem is the entry's that has it."""
    host, good = standing
    refusal = refused(fleet, host, [bad(profile="mainnett"), good])
    assert_problems(refusal, ("INV-002", "avs_instances[0].profile"))
    assert set(refusal.told()) == {f"demo-avs v1.0.0, profile mainnett, {ID}"}


def test_two_entries_of_one_id_and_one_key(fleet: Fleet, standing: tuple[Host, Entry], demo: Any, bad: Any) -> None:
    host, good = standing
    other = bad()
    third = {**demo("third", 43), "keys": good["keys"]}
    refusal = refused(fleet, host, [good, other, other, third])
    keys = [f"avs_instances[{number}].keys.{name}" for number in range(4) for name in ("bls", "ecdsa")]
    assert_problems(refusal, ("INV-001", "avs_instances[2].tag"), *(("KEY-006", place) for place in keys))


def test_the_key_of_a_node_nobody_lists_any_more(fleet: Fleet, standing: tuple[Host, Entry], bad: Any) -> None:
    host, good = standing
    refusal = refused(fleet, host, [bad(keys=good["keys"])])
    # Who has a key keeps it; who wants it as well is refused.
    assert_problems(refusal, *(("KEY-006", f"{ID}.keys.{name}") for name in ("bls", "ecdsa")))


@pytest.fixture
def repository_of_one(package: p.Package) -> Iterator[tuple[Path, str]]:
    """demo-avs as a repository of its own on the lab's git server, with v1.0.0 and a commit after it; its folder and its address."""
    lab = paths.this_lab()
    bridge = network.find(lab)
    assert bridge is not None
    package.spoil()
    bare = lab.git / "moving.git"
    later = package.tree.with_name("later")
    shutil.copytree(package.tree, later)
    p.text("pkg/hoodi/.env", "WARM_UP=2", "WARM_UP=3")(later)
    versions = [repository.Version("v1.0.0", package.tree, "first"), repository.Version("v1.0.1", later, "later")]
    repository.publish(bare, versions, keys.release(lab))
    try:
        yield bare, services.git_url(bridge, bare.name)
    finally:
        shutil.rmtree(bare)


def test_moved_tag(fleet: Fleet, standing: tuple[Host, Entry], demo: Any, repository_of_one: tuple[Path, str]) -> None:
    """The node runs at the commit its tag led to; then the tag is moved on the server."""
    host, good = standing
    bare, url = repository_of_one
    entry = demo("mv7", 44, package={"git": url})
    installed = fleet.play("install", {host.name: [good, entry]})
    assert installed.code == 0, installed.output[-3000:]

    def commit_of(tag: str) -> str:
        return run(["git", "-C", str(bare), "rev-parse", f"{tag}^{{commit}}"]).stdout.strip()

    before = commit_of("v1.0.0")
    assert [item["commit"] for item in installed.reconcile(host.name)["instances"] if item["id"] == "demo-avs-mv7"] == [before]
    run(["git", "-C", str(bare), "tag", "--force", "v1.0.0", "v1.0.1^{commit}"])
    after = commit_of("v1.0.0")
    assert after != before
    refusal = refused(fleet, host, [good, entry])
    assert_problems(refusal, ("SRC-002", f"{BAD}: version"))
    assert f"the tag v1.0.0 led to {before}, now it leads to {after}" in refusal.message
