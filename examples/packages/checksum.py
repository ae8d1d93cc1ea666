#!/usr/bin/env python3
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes a package's ``checksum.txt``, or compares it: ``checksum.py [--check] PACKAGE...``.

A line a file below ``pkg/``: ``<sha256>  <path from the package's root>``, as ``sha256sum -c`` reads it.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path


def checksums(package: Path) -> str:
    """The text of ``checksum.txt``, paths sorted bytewise; raises ``FileNotFoundError`` where there is no ``pkg/``."""
    root = package / "pkg"
    if not root.is_dir():
        raise FileNotFoundError(f"{package} is not a package: it has no pkg/ folder")
    paths = sorted((path.relative_to(package).as_posix() for path in root.rglob("*") if path.is_file()), key=str.encode)
    return "".join(f"{hashlib.sha256((package / path).read_bytes()).hexdigest()}  {path}\n" for path in paths)


def write(package: Path) -> None:
    (package / "checksum.txt").write_text(checksums(package), encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write or compare the checksum.txt of packages.")
    parser.add_argument("--check", action="store_true", help="compare only; exit code 1 where one differs")
    parser.add_argument("packages", nargs="+", type=Path, metavar="PACKAGE")
    options = parser.parse_args(argv)
    wrong = 0
    for package in options.packages:
        if not options.check:
            write(package)
            continue
        listed = package / "checksum.txt"
        if not listed.is_file() or listed.read_text(encoding="utf-8") != checksums(package):
            print(f"{listed} does not agree with the files: run checksum.py {package}", file=sys.stderr)
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main())
