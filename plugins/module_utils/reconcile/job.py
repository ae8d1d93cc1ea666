# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One instance of a call: what is wanted, what is there, and why there is work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..docker.engine import Container
from ..instance.key_files import with_marks
from ..instance.store import Store
from .unchanged import why_work


@dataclass
class Job:
    """One instance of a call. ``reason`` says why there is work; ``entry`` is its part of the result once that is known."""

    spec: Mapping[str, Any]
    state: Mapping[str, Any] | None
    containers: Sequence[Container]
    reason: str | None = None
    entry: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.spec["id"])


def look(spec: Mapping[str, Any], store: Store, listing: Sequence[Container], host_key: bytes | None) -> Job:
    """What the host remembers and shows of one instance."""
    own = store.instance(spec["id"])
    state = with_marks(own, own.state())
    containers = [container for container in listing if container.instance == spec["id"]]
    return Job(spec, state, containers, why_work(spec, state, containers, own, host_key))
