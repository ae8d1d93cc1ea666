# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of the catalogue that are about upgrades."""

from __future__ import annotations

from .findings import ERROR
from .rules_table import Rule

UPGRADES = (
    Rule(
        "UPG-010",
        ERROR,
        "What is upgraded is installed, was well, and is to run",
        "An upgrade ends when the new version is well, and goes back to what was well before.",
        "Install it, or start it, first.",
    ),
    Rule(
        "UPG-011",
        ERROR,
        "Nothing a node has stored lives in its containers alone",
        "An upgrade makes containers anew: what is in their writable layer, or in a volume without a name, is in no backup.",
        "Have the package give it a volume, or name it in avs_upgrade_acknowledged.",
    ),
    Rule(
        "UPG-012",
        ERROR,
        "An upgrade that was cut is ended before anything else",
        "Data of one version under containers of another is lost to both.",
        "Run restaking.avs.rollback for it, with the password of its backups; or, on the host: avsctl recover.",
    ),
    Rule(
        "UPG-013",
        ERROR,
        "A node that is well with neither version stays down",
        "Whatever is wrong with it is not the new version alone, and each start may make it worse.",
        "Read its log (restaking.avs.logs), mend it, then restaking.avs.start.",
    ),
    Rule(
        "UPG-014",
        ERROR,
        "Keys are not changed with the version",
        "A failed upgrade goes back to the keys of before, which may sign on another host by then.",
        "Change them first, at the installed version, with restaking.avs.install; then upgrade.",
    ),
)
