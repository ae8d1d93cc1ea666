# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of a backup: the repository's password."""

from __future__ import annotations

from ansible import constants as C
from ansible.utils.display import Display
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.backups import BackupAction
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.sources import start_of_run

display = Display()

# The main process imports this file before it forks the first worker of a task with this action.
start_of_run(str(C.DEFAULT_LOCAL_TMP), display.warning)


class ActionModule(BackupAction):
    module = "restaking.avs.instance_backup"
    long = True
    named = True
    announces = True
