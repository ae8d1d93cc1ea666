# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every file that can carry a comment says under which licence it is: ``python -m tests.tools.licences``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_TAG = "SPDX-License-Identifier: GPL-3.0-or-later"
_SUFFIXES = {".py", ".yml", ".yaml", ".sh", ".toml", ".cfg", ".Dockerfile", ".j2"}
_NAMES = {"Makefile", "Dockerfile"}
_HEAD = 600
# The package format and its examples are copied by others: their files stay as a package has them. Generated: no comments survive.
_WITHOUT = ("examples/tap/", "examples/packages/", "changelogs/changelog.yaml", "CHANGELOG.md")


def missing(root: Path, paths: list[str]) -> list[str]:
    """Paths, relative to ``root``, of files whose beginning lacks the line."""
    found = []
    for name in paths:
        path = root / name
        if (path.suffix not in _SUFFIXES and path.name not in _NAMES) or name.startswith(_WITHOUT) or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if text.strip() and _TAG not in text[:_HEAD]:
            found.append(name)
    return found


def files(root: Path) -> list[str]:
    """What git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    return sorted(filter(None, subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.split("\0")))


def main() -> int:
    without = missing(ROOT, files(ROOT))
    for name in without:
        print(f"{name}: the line '{_TAG}' is missing from its head", file=sys.stderr)
    return 1 if without else 0


if __name__ == "__main__":
    sys.exit(main())
