# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``AnsibleModule.run_command`` where there is no module: in the copy of the library on a host, so Python 3.9 has to do."""

from __future__ import annotations

from ...module_utils.system.processes import run_command

__all__ = ["run_command"]
