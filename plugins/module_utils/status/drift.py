# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was changed by hand on containers: what the engine says of them beside what they were made as. Read-only, on request: to look
for it costs an inspect of every container, and a run that finds nothing to do makes none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..common.words import COMMITTED, STARTED
from ..docker.containers import Container, restart_policy, running
from ..docker.names import LABEL_SPEC
from ..instance import key_files
from ..instance.state import State
from ..instance.store import InstanceStore
from ..policy.memory import size
from ..system.trees import tree_digest
from .off import FILES

_NANO = 1_000_000_000


def _reserved(service: Mapping[str, Any]) -> int:
    declared = ((service.get("deploy") or {}).get("resources") or {}).get("reservations") or {}
    return size(service.get("mem_reservation")) or size(declared.get("memory")) or 0


# A setting `docker update` reaches -> what the compose file asks for, and where the engine keeps it. Left out of the file, it is 0 or
# empty, which is the engine's word for it, too.
_SETTINGS: Mapping[str, tuple[Callable[[Mapping[str, Any]], Any], str]] = {
    "memory": (lambda service: size(service.get("mem_limit")) or 0, "Memory"),
    "memory reservation": (_reserved, "MemoryReservation"),
    "cpus": (lambda service: round(float(service.get("cpus") or 0) * _NANO), "NanoCpus"),
    "cpu shares": (lambda service: int(service.get("cpu_shares") or 0), "CpuShares"),
    "cpu period": (lambda service: int(service.get("cpu_period") or 0), "CpuPeriod"),
    "cpu quota": (lambda service: int(service.get("cpu_quota") or 0), "CpuQuota"),
    "cpuset": (lambda service: str(service.get("cpuset") or ""), "CpusetCpus"),
    "pids": (lambda service: int(service.get("pids_limit") or 0), "PidsLimit"),
}


def drift_of(files: InstanceStore, state: State, containers: Sequence[Container], inspected: Mapping[str, Any]) -> list[dict[str, str]]:
    """Differences as ``service``, ``what``, ``wanted`` and ``found``, sorted; empty where nothing was changed or nothing is known."""
    model = _model(files)
    names = {key: str((entry or {}).get("name") or key) for key, entry in (model.get("networks") or {}).items()}
    services: Mapping[str, Any] = model.get("services") or {}
    found: list[dict[str, str]] = []
    for item in containers:
        seen, service = inspected.get(item.id), services.get(item.service)
        if seen is not None and services and service is None:
            # By hand, with labels of ours: it may do what the instance does.
            found.append({"service": item.service, "what": "container", "wanted": "none", "found": item.name})
        if seen is None or not isinstance(service, dict):
            continue
        # What does not run was stopped, or has done its work: it gets its own policy back before it is started again.
        at_rest = state.desired != STARTED or not running(item)
        try:
            differences = [*_settings(service, seen.get("HostConfig") or {}, at_rest), *_name(state, item)]
        except (TypeError, ValueError):
            differences = [("compose.json", "as it was written", "changed by hand")]
        if service.get("networks"):
            wanted = {names[key] for key in service["networks"] if key in names}
            there = set((seen.get("NetworkSettings") or {}).get("Networks") or {})
            differences += [("network", name, "none") for name in wanted - there]
            differences += [("network", "none", name) for name in there - wanted]
        found += [{"service": item.service, "what": what, "wanted": want, "found": is_} for what, want, is_ in differences]
    found += [
        {"service": FILES, "what": what, "wanted": "as it was installed", "found": is_} for what, is_ in _changed_files(files, state, model)
    ]
    return sorted(found, key=lambda item: (item["service"], item["what"], item["wanted"], item["found"]))


def _changed_files(files: InstanceStore, state: State, model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is otherwise on the disk, and in memory, than it was put there. Of an apply that was cut nobody knows how far it came."""
    if state.phase != COMMITTED:
        return []
    found = []
    spec, labels = files.spec(), {}
    for name, service in (model.get("services") or {}).items():
        labels[name] = (service.get("labels") or {}).get(LABEL_SPEC) if isinstance(service, dict) else None
    if labels != {name: item.spec for name, item in state.containers.items()}:
        found.append(("compose.json", "changed, or gone"))
    tree = os.path.join(files.current, "tree")
    if spec is None or not os.path.isdir(tree) or tree_digest(tree) != spec.package.tree_sha256:
        found.append(("the package's files", "changed, or gone"))
    values = key_files.stored(files)
    if state.secrets and not values:
        # Kept in memory, and gone with it: nobody's change. That a node waits for them is told by its health.
        return found
    for service, view in sorted(state.views.items()):
        if not key_files.view_in_place(files, service, view, values):
            found.append((f"key files of {service}", "changed, or gone"))
    return found


def _settings(service: Mapping[str, Any], host: Mapping[str, Any], at_rest: bool) -> list[tuple[str, str, str]]:
    found = []
    for what, (wish, field) in _SETTINGS.items():
        wanted, there = wish(service), host.get(field) or type(wish(service))()
        if wanted != there and not (what == "pids" and wanted <= 0 and int(there) <= 0):
            found.append((what, str(wanted), str(there)))
    policy = host.get("RestartPolicy") or {}
    retries = int(policy.get("MaximumRetryCount") or 0)
    there = f"{policy.get('Name') or 'no'}{f':{retries}' if retries else ''}"
    wanted = restart_policy(service)
    if wanted != there and not (at_rest and there == "no"):
        found.append(("restart", wanted, there))
    swap, memory = int(host.get("MemorySwap") or 0), int(host.get("Memory") or 0)
    if "memswap_limit" not in service and swap not in (0, memory, 2 * memory, 2 * (size(service.get("mem_limit")) or 0)):
        found.append(("memory with swap", "twice the memory", str(swap)))
    return found


def _name(state: State, container: Container) -> list[tuple[str, str, str]]:
    wanted = state.containers.get(container.service)
    return [("name", wanted.name, container.name)] if wanted is not None and wanted.name != container.name else []


def _model(files: InstanceStore) -> Mapping[str, Any]:
    try:
        model = json.loads(files.compose_file() or "{}")
    except (ValueError, RecursionError):
        return {}
    return model if isinstance(model, dict) else {}
