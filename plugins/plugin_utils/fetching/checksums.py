# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``checksum.txt``: SHA-256 and path of every file under ``pkg/``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ...module_utils.common.names import is_inside
from ..parsing.report import Report, shown

FILE = "checksum.txt"

_LINE = re.compile(r"(?P<digest>[0-9A-Fa-f]{64}) [ *](?P<path>\S.*)\Z")


def parse_checksums(data: bytes, report: Report) -> dict[str, str]:
    """Path -> digest (small hex). Malformed lines, unsafe paths and repeated paths are errors."""
    found: dict[str, str] = {}
    text = data.decode("utf-8", "replace")
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, start=1):
        match = _LINE.match(line)
        path = match["path"].removeprefix("./") if match else ""
        if match is None or not is_inside(path):
            report.add(
                "PKG-013", f"line {number}", f"{shown(line)} is not `<sha256>  <path>`", "List files with: sha256sum $(find pkg -type f)."
            )
        elif path in found:
            report.add("PKG-013", f"line {number}", f"{path} is listed twice", "List every file once.")
        else:
            found[path] = match["digest"].lower()
    return found


def compare_checksums(listed: Mapping[str, str], actual: Mapping[str, str], present: Iterable[str], report: Report) -> None:
    """``actual``: path -> digest of the listed files that exist; ``present``: every file under ``pkg/``, all of which must be listed."""
    for path, digest in listed.items():
        if path not in actual:
            report.add("PKG-013", path, "is listed, but there is no such file", "Fetch the package anew, or remove the line.")
        elif actual[path] != digest:
            report.add("PKG-013", path, f"has the checksum {actual[path]}, listed is {digest}")
    for path in present:
        if path not in listed:
            report.add("PKG-013", path, "is not listed", "Add its line; every file under pkg/ is listed once.")
