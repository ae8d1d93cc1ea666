# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words of documents, records and results that both sides spell."""

from __future__ import annotations

STARTED, STOPPED, GONE = "started", "stopped", "absent"
COMMITTED, APPLYING, ABSENT = "committed", "applying", "absent"
UPGRADES = ("optional", "recommended", "required")
# A unit of the host, with the name of a work: systemd starts it when the scope of that is empty.
AFTERWARDS = "avs-cut@{}.service"
