# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: one JSON object on standard output, or one line on standard error and an exit code.

Exit codes: 0 done, 2 usage, 10 no such key, 11 a key cannot be opened, 20 no database, 21 the database's schema is not
what the command works with, 22 a migration failed half way, 23 the database failed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Callable

from .data import migrate, migrate_down, prune, set_feature
from .exits import OK, USAGE, PluginError
from .keys import export_public_key

COMMANDS: Mapping[str, Callable[[Sequence[str], Mapping[str, str]], dict[str, object]]] = {
    "export-public-key": export_public_key,
    "prune": prune,
    "set-feature": set_feature,
    "migrate": migrate,
    "migrate-down": migrate_down,
}


def main(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> int:
    environ = os.environ if environ is None else environ
    if not argv or argv[0] not in COMMANDS:
        print(f"usage: {'|'.join(COMMANDS)} [ARGUMENT...]", file=sys.stderr)
        return USAGE
    try:
        result = COMMANDS[argv[0]](argv[1:], environ)
    except PluginError as error:
        print(f"{argv[0]}: {error}", file=sys.stderr)
        return error.code
    print(json.dumps(result))
    return OK
