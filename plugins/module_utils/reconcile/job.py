# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One instance of a call: what is wanted, what is there, and why there is work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import HostError
from ..common.rules import finding
from ..common.words import ABSENT, STARTED
from ..docker.engine import Container
from ..instance.key_files import with_marks
from ..instance.store import Store
from .unchanged import why_work


@dataclass
class Job:
    """One instance of a call. ``reason`` says why there is work; ``entry`` is its part of the result once that is known; ``refusal``
    is why nothing can be done for this one, whatever becomes of the others."""

    spec: Mapping[str, Any]
    state: Mapping[str, Any] | None
    containers: Sequence[Container]
    reason: str | None = None
    entry: dict[str, Any] = field(default_factory=dict)
    refusal: HostError | None = None

    @property
    def id(self) -> str:
        return str(self.spec["id"])


def look(spec: Mapping[str, Any], store: Store, listing: Sequence[Container], host_key: bytes | None, renew: bool = False) -> Job:
    """What the host remembers and shows of one instance. ``renew``: what an older release made is to be made by the rules of this one."""
    own = store.instance(spec["id"])
    containers = [container for container in listing if container.instance == spec["id"]]
    state = None
    try:
        state = with_marks(own, own.state())
    except HostError as error:
        # Taking it down needs no record: its containers, networks and volumes carry its name.
        if spec["state"] == STARTED:
            return Job(spec, None, containers, refusal=error)
    other = _other_package(spec, state)
    if other is not None:
        return Job(spec, state, containers, refusal=other)
    return Job(spec, state, containers, why_work(spec, state, containers, own, host_key, renew))


def _other_package(spec: Mapping[str, Any], state: Mapping[str, Any] | None) -> HostError | None:
    """``herald-x`` with the tag ``1`` and ``herald`` with the tag ``x-1`` have one id, and are not one node."""
    installed = ((state or {}).get("package") or {}).get("name")
    wanted = (spec.get("package") or {}).get("name")
    if not installed or not wanted or installed == wanted:
        return None
    if state is not None and state.get("phase") == ABSENT and not state.get("volumes") and not state.get("kept_data"):
        return None
    message = f"is an instance of {installed} on this host, the entry is of {wanted}; it was left alone"
    problem = finding("INV-001", f"{spec['id']}: tag", message, "Give the entry another tag: id = <package>-<tag>.")
    return HostError(f"{spec['id']} {message}", [problem])
