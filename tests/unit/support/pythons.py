# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Pythons of this machine that a host may have as well."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

OLDEST = (3, 9)


def pythons() -> list[str]:
    """One of each version from the oldest on hosts up, oldest first; at least the one that runs the tests."""
    managed = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = {sys.version_info[:2]: sys.executable}
    for path in [*managed.glob("3.*/bin/python3.*"), *Path("/usr/bin").glob("python3.*")]:
        match = re.fullmatch(r"python3\.(\d+)", path.name)
        if match and (3, int(match[1])) >= OLDEST:
            found.setdefault((3, int(match[1])), str(path))
    return [path for _version, path in sorted(found.items())]
