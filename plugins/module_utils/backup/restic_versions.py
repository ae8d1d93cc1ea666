# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a version of restic can."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..common.errors import HostError
from ..common.rules import finding

FLOOR = (0, 12)


@dataclass(frozen=True)
class Abilities:
    """``dry``: it can say what a backup would add; ``sparse``: it makes holes again where a file had some; ``tells``: how far a
    restore is; ``waits``: it is known to end where a file of patterns it was given is missing; ``number``: of its version;
    ``unscanned``: it can be told not to count all files first."""

    version: str
    dry: bool
    sparse: bool
    tells: bool
    number: tuple[int, int] = FLOOR
    waits: bool = False
    unscanned: bool = False


def abilities(said: str) -> Abilities:
    """What a version can, of what ``restic version`` says. Raises ``HostError`` (BAK-003) for one that is too old."""
    match = re.match(r"restic (\d+)\.(\d+)(?:\.\d+)?", said)
    number = (int(match[1]), int(match[2])) if match else (0, 0)
    if number < FLOOR:
        message = f"restic {FLOOR[0]}.{FLOOR[1]} or newer is needed, there is {said.split(chr(10))[0][:60]!r}"
        raise HostError(message, [finding("BAK-003", "restic", message, "Install a newer restic.")])
    can = {"dry": (0, 13), "sparse": (0, 15), "tells": (0, 16), "waits": (0, 14), "unscanned": (0, 15)}
    return Abilities(match[0].split()[1] if match else "", number=number, **{name: number >= since for name, since in can.items()})
