# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a timer's backup does once it is made: the newest is proven where that is due, and what is off with that is told."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import copies, last, settings, timer
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import proving, saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.status.read import read_host
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock

from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY, prove

Night = Callable[..., dict[str, Any]]
DAY = 86_400


@pytest.fixture
def night(memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Night:
    """The run of a timer."""
    monkeypatch.setattr(timer, "FOLDER", str(tmp_path))
    (tmp_path / timer.timer_of(ID)).write_text("[Timer]\nOnCalendar=daily\n")

    def run(**asked: Any) -> dict[str, Any]:
        host = Host(memory_host.store, memory_host.engine.connect(), saved)
        done = proving.prove_due(host, WAY, saving.take(host, [ID], WAY, Asked(**{"password": PASSWORD, **asked})))
        found: dict[str, Any] = done["instances"][0]
        assert done.get("failed", False) is bool(found["error"])
        return found

    return run


def goes_by(host: MemoryHost, days: float) -> None:
    """All that was noted was noted so long before."""
    own = host.store.instance(ID)
    known = last.read(own)
    assert known is not None

    def earlier(instant: str) -> str:
        from datetime import datetime, timedelta

        return (datetime.fromisoformat(instant[:19]) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ") if instant else ""

    tables = {name: {key: earlier(value) for key, value in getattr(known, name).items()} for name in ("proofs", "awaited")}
    last._write(own, known.but(time=earlier(known.time), verified=earlier(known.verified), **tables))


def told(host: MemoryHost) -> tuple[Any, list[str]]:
    (entry,) = read_host(host.engine.connect(), [ID], host.store).instances
    return entry["backup"], [f"{item['message']} -> {item['remedy']}" for item in entry["findings"] if item["id"] == "BAK-010"]


def elsewhere(host: MemoryHost) -> Any:
    return copies.given([{"name": "other", "repository": str(host.roots / "other")}])


def test_the_newest_is_proven_where_the_last_proof_is_older_than_the_period(memory_host: MemoryHost, night: Night) -> None:
    host = memory_host
    first = night()
    assert first["proofs"][""]["id"] == first["backup"]["id"] and first["error"] is None
    assert (told(host)[0]["proven"], told(host)[1]) == (first["backup"]["id"], []) and told(host)[0]["proof_age"] < 60
    for days in (1, 28):
        goes_by(host, days)
        assert "proofs" not in night()
    goes_by(host, 0.6)
    done = night()
    assert done["proofs"][""]["id"] == done["backup"]["id"] == told(host)[0]["proven"] != first["backup"]["id"]


def test_a_proof_by_hand_counts_and_a_period_is_as_it_was_said_last(memory_host: MemoryHost, saved: ResticInMemory, night: Night) -> None:
    host = memory_host
    own = host.store.instance(ID)
    night(prove=7)
    goes_by(host, 7)
    prove(host, saved)
    assert "proofs" not in night() and settings.read(own).prove == 7  # type: ignore[union-attr]
    goes_by(host, 7)
    assert "proofs" in night()
    # Never: neither made nor missed.
    goes_by(host, 400)
    assert "proofs" not in night(prove=0) and told(host)[1] == [] and settings.read(own).prove == 0  # type: ignore[union-attr]
    assert "proofs" not in night()


def test_each_copy_is_proven_as_well(memory_host: MemoryHost, night: Night) -> None:
    host = memory_host
    done = night(copies=elsewhere(host))
    assert list(done["proofs"]) == ["", "other"] and done["error"] is None
    assert done["proofs"]["other"]["id"] == done["backup"]["id"]
    assert told(host)[0]["proofs"]["other"]["age"] < 60
    goes_by(host, 31)
    assert list(night(prove_copies=0)["proofs"]) == [""]
    goes_by(host, 31)
    assert list(night(prove=0, prove_copies=60)["proofs"]) == ["other"]
    goes_by(host, 31)
    assert "proofs" not in night()
    # What is said of a copy goes with it.
    night(copies=[])
    assert told(host)[0]["proofs"] == {}


def test_a_proof_that_fails_is_an_error_of_a_backup_that_was_made(memory_host: MemoryHost, saved: ResticInMemory, night: Night) -> None:
    host = memory_host
    night()
    goes_by(host, 31)
    saved.during = lambda words: saved.ends.update(check=(1, "Fatal: repository contains errors")) if "--read-data" in words else None
    done = night()
    saved.ends, saved.during = {}, lambda _words: None
    assert "contains errors" in done["error"] and done["backup"]["id"] == told(host)[0]["id"]
    assert "its last proof, at " in told(host)[0]["problem"]
    # It is made again the next night, also where one was well shortly before.
    assert night()["proofs"][""]["id"] and told(host)[0]["problem"] is None


def test_one_without_room_is_put_off_and_told(memory_host: MemoryHost, saved: ResticInMemory, night: Night) -> None:
    host, own = memory_host, memory_host.store.instance(ID)
    made = night(prove=0)
    where = Host(host.store, host.engine.connect(), saved)

    def large() -> dict[str, Any]:
        """After a backup that has no room to be restored into."""
        known, kept = last.read(own), settings.read(own)
        assert known is not None and kept is not None
        last._write(own, known.but(size=1 << 60))
        settings.keep(own, kept.but(prove=30))
        looks = len(saved.asked)
        done = proving.prove_due(where, WAY, {"instances": [made]})
        assert "failed" not in done and ["check", "--read-data"] not in saved.asked[looks:]
        found: dict[str, Any] = done["instances"][0]
        return found

    entry = large()
    assert entry["error"] is None and "are needed to restore it" in entry["proofs"][""]["put_off"]
    assert [item["id"] for item in entry["findings"]][-1] == "BAK-010"
    (problem,) = told(host)[1]
    assert "its proof was put off at " in problem and f"avsctl prove {ID}" in problem
    # What was damaged before is not made good by that; the next proof that is well says so.
    last.failed(own, last.PROOF, "contains errors", False)
    large()
    assert "contains errors" in told(host)[1][0]
    assert night()["proofs"][""]["id"] and told(host)[1] == []


def test_a_clock_that_was_ahead_keeps_no_proof_from_being_made(memory_host: MemoryHost, night: Night) -> None:
    host = memory_host
    first = night(prove=0)["backup"]["id"]
    for path in Path(host.store.root, "backup", ID).glob("snapshots/*/snapshot.json"):
        path.write_text(path.read_text().replace('"time": "2026', '"time": "2999'))
    done = night(prove=30)
    assert done["error"] is None and done["proofs"][""]["id"] == done["backup"]["id"] != first


def test_a_copy_out_of_reach_and_a_proof_beside_it_put_off_no_other(memory_host: MemoryHost, saved: ResticInMemory, night: Night) -> None:
    host = memory_host
    night(copies=elsewhere(host), prove=0)
    (host.roots / "other").rename(host.roots / "away")
    done = night(prove=30)
    assert "not copied to other" in done["error"] and done["proofs"][""]["id"] == done["backup"]["id"]
    assert "put_off" in done["proofs"]["other"] and "proof" not in done["error"]
    (host.roots / "away").rename(host.roots / "other")
    with Lock(os.path.join(host.store.locks, "@proof.lock"), "tester for other-x", 0):
        done = night()
        assert done["error"] is None and "tester for other-x" in done["proofs"]["other"]["put_off"]
    assert night()["proofs"]["other"]["id"] and told(host)[1] == []


def test_one_that_is_overdue_is_a_finding(memory_host: MemoryHost, saved: ResticInMemory, night: Night) -> None:
    host = memory_host
    night(copies=elsewhere(host))
    goes_by(host, 37)
    assert told(host)[1] == []
    goes_by(host, 1)
    problems = told(host)[1]
    assert [text.split(":")[0] for text in problems] == ["its proof is overdue", "its proof of other is overdue"]
    assert f"avsctl prove {ID} --from other; its timer is to make one every 30 days" in problems[1]
    prove(host, saved)
    assert len(told(host)[1]) == 1
    night()
    assert told(host)[1] == []


def test_what_was_never_proven_is_overdue_from_its_first_backup_on(memory_host: MemoryHost, take: Any, night: Night) -> None:
    host = memory_host
    # By hand: nothing is proven.
    take()
    goes_by(host, 20)
    take()
    goes_by(host, 17)
    assert told(host)[1] == []
    goes_by(host, 1)
    (problem,) = told(host)[1]
    assert "its proof is overdue: none was made since " in problem
    assert night()["proofs"][""]["id"] and told(host)[1] == []


def test_nothing_is_proven_of_one_that_waits_or_is_gone(memory_host: MemoryHost, saved: ResticInMemory, night: Night) -> None:
    host = memory_host
    own = host.store.instance(ID)
    night(prove=0)
    os.unlink(settings.password_file(own))
    done = night(prove=30, password="")
    assert done["waiting"] and "proofs" not in done
    settings.keep_password(own, settings.offer_password(own, PASSWORD))
    hold.bind(own, hold.MOVED, "host2", "tester")
    done = night(prove=30)
    assert "backed up on another host" in done["error"] and "proofs" not in done
