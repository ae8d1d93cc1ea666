# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of modules whose work takes longer than a connection lasts."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  poll:
    description:
      - The work goes on on the host by itself, and is asked for until it has ended, this many seconds apart (1-600). With V(0) one call does all
        of it, and a connection that is lost may end it.
      - A second task that asks for the same while it goes on gets the result of the first.
    type: int
    default: 10
  job:
    description: For the action plugin alone, which begins the work and asks for it by this.
    type: dict
    suboptions:
      name:
        description: What the work is called.
        type: str
        required: true
      begin:
        description: Whether it is to be begun.
        type: bool
        default: false
      wait:
        description: Seconds this call waits for its end.
        type: float
        default: 0.0
"""
