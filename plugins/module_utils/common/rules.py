# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings of the catalogue's rules."""

from __future__ import annotations

from .findings import Finding


def finding(rule_id: str, place: str, message: str, remedy: str | None = None, severity: str | None = None) -> Finding:
    """A finding of a rule in the catalogue: severity and remedy are the rule's unless given. Unknown ids raise ``KeyError``."""
    # Where there is nothing to be said, there is no need to know in which words.
    from .catalogue import RULES

    rule = RULES[rule_id]
    return Finding(rule.id, severity or rule.severity, place, message, rule.fix if remedy is None else remedy)
