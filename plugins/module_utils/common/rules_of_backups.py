# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of the catalogue that are about backups."""

from __future__ import annotations

from .findings import ERROR, WARNING
from .rules_table import Rule

BACKUPS = (
    Rule(
        "BAK-001",
        WARNING,
        "Every volume has a class",
        "What is only a cache makes backups large, what is a secret is not to be in one, and what must never go back must be known.",
        "Declare it under volumes in runtime.yml, or set it for this instance (docs/backup.md, Classes).",
    ),
    Rule(
        "BAK-002",
        ERROR,
        "A backup has all of a node",
        "What is missing is found missing on the day it is needed.",
        "Give it a class that is not saved, name a volume for it in the package, or acknowledge that it is not in the backup.",
    ),
    Rule(
        "BAK-003",
        ERROR,
        "A backup counts when it is whole, and can be read",
        "One that is reported as good and is not costs the data it was made for.",
        "Mend what the message names, and back up again.",
    ),
    Rule(
        "BAK-004",
        WARNING,
        "A backup lies on another disk than the data",
        "A disk that dies takes both.",
        "Move the repository to another disk, and name that (avs_backup_repository; docs/runbooks/backup.md, Moving a repository).",
    ),
    Rule(
        "BAK-005",
        ERROR,
        "What must not go back does not by itself",
        "A node that forgets what it has signed signs it again.",
        "Acknowledge it by its name (avs_restore_acknowledged, or avsctl restore --acknowledge) where you know that nothing is lost.",
    ),
    Rule(
        "BAK-010",
        WARNING,
        "What is backed up on a schedule has a backup",
        "That backups have stopped is found out on the day one is needed.",
        "Do what the message says; avsctl backup makes one now (docs/backup.md, On a schedule).",
    ),
    Rule(
        "BAK-012",
        WARNING,
        "What a node owns is nobody else's",
        "A number that is a person's on this host is that person's there, too: he may read it, and end its processes.",
        "Map the number (avs_restore_owners: {old: new}), to itself where it may stay.",
    ),
    Rule(
        "BAK-011",
        ERROR,
        "A package saves, and brings forward, what only it can",
        "A dump that failed is no backup, and a record of what was signed that went back is signed again.",
        "Look at what the command says; the package's team knows it.",
    ),
)
