# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups go to other repositories once the node runs again: what counts there, what a failure or a cut leaves, and what the next run does."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import copies, settings
from ansible_collections.restaking.avs.plugins.module_utils.backup.copies import Given
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import restoring, saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host

from tests.unit.support.cuts import every_cut
from tests.unit.support.memory_host import ID, MemoryHost, acted
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY, Take, boot, keyless, running, there


def place(host: MemoryHost, name: str = "other") -> str:
    return str(host.roots / name)


def elsewhere(host: MemoryHost, *names: str, **more: str) -> list[Given]:
    found = copies.given([{"name": name, "repository": place(host, name), **more} for name in names])
    assert found is not None
    return found


def listed(host: MemoryHost, tool: ResticInMemory, name: str = "other") -> dict[str, Any]:
    found: dict[str, Any] = saving.listed(Host(host.store, host.engine.connect(), tool), [ID], WAY, Asked(copy=name))["instances"][0]
    return found


def names(entry: dict[str, Any]) -> list[str]:
    return [item["id"] for item in entry["backups"]]


def test_a_backup_is_copied_once_the_node_runs_again_and_counts_there(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    first = take()["backup"]["id"]
    wanted = elsewhere(host, "other")
    announced = take(Way("tester", 0, check=True), copies=wanted)
    assert not os.path.exists(place(host)) and "create copy other" in acted(announced)
    seen: list[set[str]] = []
    saved.during = lambda words: seen.append(running(host)) if words[0] == "copy" else None
    done = take(copies=wanted)
    assert (done["error"], acted(done)) == (None, acted(announced))
    assert done["backup"]["copies"] == {"other": [first, done["backup"]["id"]]}
    assert seen == [{"node", "gateway"}] * 4
    assert names(listed(host, saved)) == [first, done["backup"]["id"]]
    assert listed(host, saved)["repository"] == os.path.join(place(host), ID)
    # What was said last counts where nothing is said; what is there is not copied again.
    done = take()
    assert done["backup"]["copies"] == {"other": [done["backup"]["id"]]}
    assert take(copies=[])["backup"]["copies"] == {} and "has no copy" in listed(host, saved)["error"]


def test_a_copy_that_would_be_lost_with_the_data_is_none(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, tmp_path: Path
) -> None:
    host = memory_host

    def told(**asked: Any) -> list[str]:
        done = take(**asked)
        assert done["error"] is None
        return [item["message"] for item in done["findings"] if item["id"] == "BAK-004" or "copies" in item["place"]]

    [alone] = told()
    assert alone.endswith(f"backup/{ID} is on the disk of volumes/node-data, data: both are lost with it")
    [beside] = told(copies=elsewhere(host, "other"))
    assert f"/other/{ID} are on the disk of volumes/node-data, data: all are lost" in beside
    [still, itself] = told(copies=copies.given([{"name": "itself", "repository": os.path.join(host.store.root, "backup")}]))
    assert "is the repository itself" in itself and still == alone
    # The host of a test is in memory.
    both = [*elsewhere(host, "other"), *(copies.given([{"name": "away", "repository": str(tmp_path / "away")}]) or ())]
    assert told(copies=both) == []
    saved.ends = {"copy": (1, "Fatal: dial tcp: connection refused")}
    assert "BAK-004" in [item["id"] for item in take()["findings"]]


def test_a_copy_that_fails_fails_the_run_and_not_the_backup_and_is_made_up_for(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:  # fmt: skip
    host = memory_host
    both = elsewhere(host, "other", "third")
    saved.ends = {"copy": (1, "Fatal: dial tcp: connection refused")}
    done = take(copies=both)
    saved.ends = {}
    assert done["error"].count("the backup was made, and not copied to") == 2 and "connection refused" in done["error"]
    assert [item["id"] for item in there(host, saved)] == [done["backup"]["id"]] and done["backup"]["copies"] == {}
    assert running(host) == {"node", "gateway"} and "BAK-003" in [item["id"] for item in done["findings"]]
    assert names(listed(host, saved)) == []
    # One that is not sound gets no seal.
    moved = [done["backup"]["id"]]
    saved.during = lambda words: saved.ends.update(check=(1, "Fatal: repository contains errors")) if words[0] == "copy" else None
    done = take()
    saved.during, saved.ends = (lambda _words: None), {}
    assert "not sound" in done["error"] and names(listed(host, saved)) == []
    moved += [done["backup"]["id"]]
    done = take()
    assert done["error"] is None and done["backup"]["copies"] == {name: [*moved, done["backup"]["id"]] for name in ("other", "third")}


def test_a_cut_at_any_moment_leaves_nothing_half_there(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    take(copies=elsewhere(host, "other"))
    cuts = 0
    for what in every_cut(host, lambda _host: take()):
        if "restic copy" not in what:
            continue
        cuts += 1
        boot(host)
        here = {item["id"] for item in there(host, saved)}
        saved_there = [item["snapshot"] for item in listed(host, saved)["backups"]]
        assert {item["id"] for item in listed(host, saved)["backups"]} <= here, what
        for name in saved_there:
            assert (Path(place(host)) / ID / "snapshots" / name / "tree").is_dir(), what
        done = take()
        assert done["error"] is None and set(names(listed(host, saved))) == here | {done["backup"]["id"]}, what
    assert cuts == 4


def test_one_that_was_there_and_is_gone_is_not_begun_anew(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    take(copies=elsewhere(host, "other"))
    Path(place(host)).rename(place(host, "away"))
    for again in (take(), take(copies=elsewhere(host, "other"))):
        assert "was there, and is gone" in again["error"] and again["backup"]
    assert not os.path.exists(place(host))
    Path(place(host, "away")).rename(place(host))
    assert take()["error"] is None and len(names(listed(host, saved))) == 4


def test_where_others_prune_nothing_is_removed(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    assert take(copies=elsewhere(host, "other", prune="elsewhere"), keep={"last": 1})["error"] is None
    asked = [words for words in saved.asked if words[0] in ("forget", "prune", "unlock", "list")]
    # Of the repository itself, what the live pass left.
    assert [words[0] for words in asked] == ["forget"]
    assert ["check", "--no-lock"] in saved.asked


def test_it_waits_for_what_is_gone_since_the_host_was_started(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    take(copies=elsewhere(host, "other", password="of its own"))
    own = host.store.instance(ID)
    secret = Path(copies.folder(own, "other"), "password")
    assert (secret.read_text(), secret.stat().st_mode & 0o777, secret.parent.stat().st_mode & 0o777) == ("of its own", 0o600, 0o700)
    assert "of its own" not in Path(settings.folder(own), "settings.json").read_text()
    secret.unlink()
    done = take()
    assert done["backup"] and done["waiting"] and "waits for password" in done["error"]
    assert "waits for password" in listed(host, saved)["error"]
    assert take(copies=elsewhere(host, "other", password="of its own"))["error"] is None
    assert take(copies=elsewhere(host, "other", password="another"))["error"].count("wrong password") == 1


def test_a_copy_is_proven_and_restored_from(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    rows = host.engine.volumes / f"avs-{ID}_node-data" / "_data" / "rows"
    host.well(keyless(host))
    take(copies=elsewhere(host, "other"))
    at = Host(host.store, host.engine.connect(), saved)
    done = saving.proven(at, [ID], WAY, Asked(copy="other"))["instances"][0]
    assert done["error"] is None
    assert [bool(item["verified"]) for item in listed(host, saved)["backups"]] == [True]
    assert [item["verified"] for item in there(host, saved)] == [None]
    rows.write_text("later")
    os.rename(Path(host.store.root, "backup", ID), host.roots / "lost")
    done = restoring.restore(at, [ID], WAY, Asked(copy="other"), restoring.Back())["instances"][0]
    assert done["error"] is None and rows.read_text() == "committed" and running(host) == {"node", "gateway"}
    assert "has no copy 'nowhere' (other)" in listed(host, saved, "nowhere")["error"]


@pytest.mark.parametrize("password", [PASSWORD, "of its own"])
def test_a_host_that_knows_nothing_reads_one_by_what_it_is_given(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, password: str
) -> None:
    host = memory_host
    wanted = elsewhere(host, "other", **({} if password == PASSWORD else {"password": password}))
    made = take(copies=wanted)["backup"]["id"]
    own = host.store.instance(ID)
    for path in (Path(settings.folder(own), "settings.json"), Path(settings.password_file(own))):
        path.unlink()
    at = Host(host.store, host.engine.connect(), saved)
    entry = saving.listed(at, [ID], WAY, Asked(copy="other", password=PASSWORD, copies=wanted))["instances"][0]
    assert entry["error"] is None and names(entry) == [made]
    assert json.loads(json.dumps(entry))["repository"].endswith(ID)


def test_in_check_mode_what_the_host_has_is_used_and_nothing_written(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    take(copies=elsewhere(host, "other", password="of its own"))
    own, at = host.store.instance(ID), Host(host.store, host.engine.connect(), saved)
    before = {path: path.read_bytes() for root in (own.root, own.run) for path in Path(root, "backup").rglob("*") if path.is_file()}
    # Nothing secret is sent then.
    sent = copies.given([{"name": "other", "repository": place(host)}], check=True)
    entry = restoring.restore(at, [ID], Way("tester", 0, check=True), Asked(copy="other", copies=sent), restoring.Back())["instances"][0]
    assert entry["error"] is None and entry["changed"]
    after = {path: path.read_bytes() for root in (own.root, own.run) for path in Path(root, "backup").rglob("*") if path.is_file()}
    assert after == before
