# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a package says of its volumes beside their class: whether one may be copied while the node runs, how the package saves it itself, and
how it is brought forward once it went back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..common.spec import InstanceSpec


@dataclass(frozen=True)
class Use:
    """``live``: safe to copy while it runs; ``backup`` and ``watermark``: commands of the package (``run``, ``service``, ``args``)."""

    cls: str
    live: bool = False
    backup: Mapping[str, Any] | None = None
    watermark: Mapping[str, Any] | None = None


def of(spec: InstanceSpec | None) -> dict[str, Use]:
    """By the volume's name in the compose file."""
    if spec is None:
        return {}
    return {name: _use(said, spec.commands) for name, said in spec.volumes.items()}


def _use(said: Any, commands: Mapping[str, Any]) -> Use:
    if not isinstance(said, Mapping):
        return Use(str(said))
    backup, watermark = (commands.get(str(said.get(name))) for name in ("backup", "watermark"))
    return Use(str(said["class"]), bool(said.get("live")), backup, watermark)
