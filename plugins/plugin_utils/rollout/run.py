# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rollout as the tasks of one run go through it: planned, then for each batch noted, judged and asked again, then told.

Which folder it has, the run's tasks know from a record of the run; all else is in the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...module_utils.common.errors import InputError
from ..secrets.run_folder import RunFolder
from . import record as records
from .headroom import no_room
from .junit import junit_text
from .outcome import FAILED, gate_problem, is_of_before, note_of
from .page import page_text
from .plan import Plan
from .record import RUNNING, Record
from .report import PASSED, Model, model_of, verdict_of
from .verdict import Place, hosts_of, is_asked_again, place, share, to_ask, why_stop

_POINTER = "rollout"
# In check mode nothing is kept.
_DRY = "restaking-avs-rollout"


@dataclass(frozen=True)
class Asked:
    """What a person asked for. ``ids`` and ``everything`` as for ``instance_upgrade``; ``root``: where folders of rollouts are; ``pid``: the main
    process of this run."""

    kind: str
    ids: Sequence[str]
    everything: bool
    root: str
    pid: int
    check: bool


def begin(temp: str, asked: Asked, plan: Plan) -> tuple[Record, list[str]]:
    """The folder of a rollout with this plan, and what is to be said of it: one that was cut, or failed, is gone on with. Raises ``InputError`` where
    another one is at work on any of its hosts."""
    said: list[str] = []
    if asked.check or not plan.waves:
        record = _dry(temp)
        record.write(_document(record, asked, plan, None))
    else:
        with records.alone(asked.root):
            record, known, said = _folder(asked, plan)
            record.write(_document(record, asked, plan, known))
    RunFolder(temp).write(_POINTER, {"folder": record.folder})
    return record, said


def _dry(temp: str) -> Record:
    record = Record(os.path.join(temp, _DRY))
    for path in (record.folder, os.path.join(record.folder, "hosts")):
        os.makedirs(path, mode=0o700, exist_ok=True)
    return record


def refuse(temp: str, asked: Asked, why: str, problems: Mapping[str, str], unreachable: Sequence[str]) -> Record:
    """A rollout that is not begun. Raises ``InputError``."""
    record = _dry(temp) if asked.check else records.begun(asked.root, asked.kind)
    record.write({**_blank(record, asked), "refused": why, "problems": dict(problems), "unreachable": list(unreachable)})
    RunFolder(temp).write(_POINTER, {"folder": record.folder})
    return record


def current(temp: str) -> Record | None:
    """The rollout of this run, ``None`` where none was planned."""
    known = RunFolder(temp).read(_POINTER)
    return Record(str(known["folder"])) if known else None


def _folder(asked: Asked, plan: Plan) -> tuple[Record, dict[str, Any] | None, list[str]]:
    key, here = _key(asked.kind, plan), set(plan.order)
    found = list(records.others(asked.root))
    for record, known in found:
        both = here & {host for wave in known["waves"] for host in hosts_of(wave)}
        if both and records.lives(known):
            who = known["holder"]
            raise InputError(
                f"the rollout {record.name} of {who['user']} (process {who['pid']}) is at work on {', '.join(sorted(both)[:5])}: "
                "wait for its end, or leave its hosts out (--limit)"
            )
    for record, known in found:
        if known["key"] == key and known["verdict"] != PASSED:
            done = sum(node.done for node in plan.nodes)
            how = "was cut" if known["verdict"] == RUNNING else "failed"
            return record, known, [f"goes on with {record.name}, which {how}: {done} of {len(plan.nodes)} are done"]
    return records.begun(asked.root, asked.kind), None, []


def _key(kind: str, plan: Plan) -> str:
    """The same for a run of the same things over the same hosts. What is at work has told nothing of itself yet."""
    things = sorted({node.digest or node.new for node in plan.nodes if not node.attached})
    hosts = sorted({node.host for node in plan.nodes} | set(plan.problems))
    return hashlib.sha256(json.dumps([kind, hosts, things]).encode()).hexdigest()


def _blank(record: Record, asked: Asked) -> dict[str, Any]:
    return {
        "name": "" if record.name == _DRY else record.name, "kind": asked.kind, "check": asked.check, "key": "",
        "holder": records.holder(asked.pid),
        "asked": {"ids": list(asked.ids), "all": asked.everything}, "attempts": [{"began": records.now()}], "waves": [], "nodes": [],
        "problems": {}, "unreachable": [], "machines": {}, "joins": {}, "room": {"limits": {}, "sick": {}, "mended": {}},
        "soak": 0, "max_fail": 0, "judged": {}, "sick": {}, "stopped": "", "refused": "",
        "verdict": RUNNING,
    }  # fmt: skip


def _document(record: Record, asked: Asked, plan: Plan, known: Mapping[str, Any] | None) -> dict[str, Any]:
    blank = _blank(record, asked)
    return {
        **blank,
        "key": _key(asked.kind, plan),
        "attempts": [*(known["attempts"] if known else ()), *blank["attempts"]],
        "waves": [wave.as_dict() for wave in plan.waves],
        "nodes": [node.as_dict() for node in plan.nodes],
        "problems": dict(plan.problems),
        "unreachable": list(plan.unreachable),
        "machines": dict(plan.machines),
        "joins": {host: list(ids) for host, ids in plan.joins.items()},
        "room": {"limits": dict(plan.room.limits), "sick": _deep(plan.room.sick), "mended": _deep(plan.room.mended)},
        "soak": plan.terms.soak,
        "max_fail": plan.terms.max_fail,
    }


def _deep(given: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    return {host: dict(own) for host, own in given.items() if own}


def note(record: Record, host: str, result: Any) -> dict[str, Any]:
    """What became of a host, by the worker of that host."""
    document = record.read()
    own = [node for node in document["nodes"] if node["host"] == host]
    told = {**note_of(host, result, own), "attempt": len(document["attempts"]), "at": records.now()}
    # Of one that is asked again it stays what made it so.
    before = {node["id"]: node for node in record.notes([host]).get(host, {}).get("nodes") or ()}
    told["nodes"] = [before[node["id"]] if is_of_before(node, before.get(node["id"])) else node for node in told["nodes"]]
    record.note(host, told)
    return told


@dataclass(frozen=True)
class Judged:
    """After a batch. ``why`` no other one is begun, empty where it is; ``ask``: its wave has ended, and all so far are asked again, ``soak`` seconds
    later."""

    place: Place
    why: str = ""
    ask: bool = False
    soak: int = 0


def judge(record: Record, batch: Sequence[str]) -> Judged:
    document = record.read()
    where = place(document["waves"], batch)
    own = hosts_of(document["waves"][where.wave])
    why = why_stop(document["waves"], where, document["max_fail"], _notes(record, document, own), {})
    why = why or no_room(document, lambda: _notes(record, document), where)
    if why:
        _end_wave(record, document, where, why)
        return Judged(where, why)
    ask = is_asked_again(document["waves"], where)
    # What is noted to have passed was left alone for as long as any other.
    soaks = ask and (not where.last or document["waves"][where.wave]["canary"])
    return Judged(where, ask=ask, soak=document["soak"] if soaks else 0)


def asks(record: Record, batch: Sequence[str], own: str, passed: bool) -> list[dict[str, Any]]:
    """Whom a host of a batch asks whether they are well, or ``passed``, whom it tells that they passed."""
    document = record.read()
    where = place(document["waves"], batch)
    if document["stopped"] or not is_asked_again(document["waves"], where):
        return []
    wanted = to_ask(document, _notes(record, document), where)
    digests = {(node["host"], node["id"]): node["digest"] for node in document["nodes"]}
    if passed:
        if not document["waves"][where.wave]["canary"]:
            return []
        wanted = {host: ids for host, ids in wanted.items() if host in hosts_of(document["waves"][where.wave])}
    return [
        {
            "host": host,
            "ids": wanted[host],
            "passed": {name: digests[host, name] for name in wanted[host] if digests[host, name]} if passed else {},
            "rollout": record.name,
        }
        for host in share(list(wanted), batch, own)
    ]


def gated(record: Record, batch: Sequence[str], answers: Mapping[str, Any]) -> str:
    """After a wave's gates: why no other wave is begun. ``answers``: host -> what it said; who is missing in it was out of reach."""
    document = record.read()
    where = place(document["waves"], batch)
    notes = _notes(record, document)
    nodes = {(node["host"], node["id"]): node for node in document["nodes"]}
    sick: dict[str, dict[str, str]] = {}
    for host, ids in to_ask(document, notes, where).items():
        for name in ids:
            told = nodes[host, name]
            problem = gate_problem(answers.get(host), told, document["machines"].get(host, ""))
            if problem:
                sick.setdefault(host, {})[name] = problem
    why = why_stop(document["waves"], where, document["max_fail"], notes, {host: next(iter(own.values())) for host, own in sick.items()})
    document["sick"] = {**document["sick"], **sick}
    why = why or no_room(document, lambda: notes, where)
    _end_wave(record, document, where, why)
    return why


def stop(record: Record, why: str) -> None:
    """Nothing more is begun."""
    document = record.read()
    record.write({**document, "stopped": document["stopped"] or why})
    tell(record)


def _end_wave(record: Record, document: Mapping[str, Any], where: Place, why: str) -> None:
    judged = {**document["judged"], str(where.wave): {"verdict": FAILED if why else PASSED, "reason": why}}
    record.write({**document, "judged": judged, "stopped": why})
    tell(record)


def end(record: Record, copy: str = "") -> Model:
    """The verdict, and all reports; ``copy``: a folder they are put into as well. Raises ``InputError``."""
    document, notes = record.read(), record.notes()
    verdict, judged = verdict_of(document, notes), document["judged"]
    if len(document["waves"]) == 1 and not judged and verdict in (PASSED, FAILED):
        judged = {"0": {"verdict": verdict, "reason": ""}}
    last = {**document["attempts"][-1], "ended": records.now(), "verdict": verdict}
    record.write({**document, "judged": judged, "verdict": verdict, "attempts": [*document["attempts"][:-1], last]})
    model = tell(record)
    if copy and not document["check"]:
        tell(record, copy)
    return model


def tell(record: Record, folder: str = "") -> Model:
    """The reports as of now, in the rollout's folder or another one. Raises ``InputError``."""
    model = model_of(record.read(), record.notes())
    place_in = Record(folder or record.folder)
    place_in.place("report.json", json.dumps(model, indent=1))
    place_in.place("report.xml", junit_text(model))
    place_in.place("report.html", page_text(model))
    return model


def targets(record: Record, host: str) -> dict[str, Any]:
    """What is asked for on a host: what the plan has of it. Where somebody else is at work, that run had its own."""
    document = record.read()
    own = [node for node in document["nodes"] if node["host"] == host and not node["left_out"]]
    if any(node["attached"] for node in own):
        joins = document["joins"].get(host)
        return {"ids": list(joins), "all": False} if joins else dict(document["asked"])
    return {"ids": [node["id"] for node in own], "all": False}


def known(record: Record, word: str) -> list[Any]:
    """``order``: hosts as they are taken; ``serial``: how many of them at once; ``stopped``: why nothing more is begun."""
    document = record.read()
    if word == "stopped":
        return [document["stopped"]] if document["stopped"] else []
    parts = [part for wave in document["waves"] for part in wave["batches"]]
    if document["check"]:
        return []
    return [host for part in parts for host in part] if word == "order" else [len(part) for part in parts]


def _notes(record: Record, document: Mapping[str, Any], hosts: Sequence[str] | None = None) -> dict[str, Any]:
    """Of this run alone."""
    return {host: told for host, told in record.notes(hosts).items() if told.get("attempt") == len(document["attempts"])}
