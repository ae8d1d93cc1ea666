# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exit codes of the plugin, and the error that carries one."""

from __future__ import annotations

OK = 0
USAGE = 2
NO_KEY = 10
KEY_UNUSABLE = 11
NO_DATABASE = 20
WRONG_SCHEMA = 21
MIGRATION_FAILED = 22
DATABASE_FAILED = 23


class PluginError(Exception):
    """``code`` is the exit code; the message says what to do."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
