# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print the version of pip that the ansible-test of this environment bootstraps."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path


def main() -> int:
    package = importlib.util.find_spec("ansible_test")
    if package is None or not package.submodule_search_locations:
        print("no ansible-test in this environment", file=sys.stderr)
        return 1
    source = Path(package.submodule_search_locations[0]) / "_internal" / "python_requirements.py"
    found = re.search(r"\bpip='([0-9.]+)'", source.read_text(encoding="utf-8"))
    if found is None:
        print(f"{source} names no version of pip", file=sys.stderr)
        return 1
    print(found[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
