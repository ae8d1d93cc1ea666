# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of a move: the repository's password, and what the inventory calls the host."""

from __future__ import annotations

from ansible import constants as C
from ansible.utils.display import Display
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.backups import BackupAction
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.sources import start_of_run

display = Display()

# The main process imports this file before it forks the first worker of a task with this action.
start_of_run(str(C.DEFAULT_LOCAL_TMP), display.warning)


class ActionModule(BackupAction):
    module = "restaking.avs.instance_move"
    # On a host that has nothing of the instance, nothing could be announced without.
    always = True
    named = True
    long = True
    short = ("looked", "given_up", "confirmed")
    replaces = True
