# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab changes in the example trees: the servers' names, and what follows from that."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

_GIT = re.compile(r"https://git\.example\.org/(?:[\w.-]+/)*([\w.-]+?)(?:\.git)?/?(?=[\s\"',}\]]|$)", re.MULTILINE)
_REGISTRY = re.compile(r"(?<![\w./-])registry\.example\.org/")
_ARTIFACTS = re.compile(r"https://artifacts\.example\.org/")
_CHECKSUM = re.compile(r"([0-9a-f]{64})( [ *])(.+)")


@dataclass(frozen=True)
class Places:
    """Where the lab serves what the examples name ``*.example.org``; ``git`` and ``artifacts`` are URLs without a last slash."""

    registry: str
    git: str
    artifacts: str

    def text(self, text: str) -> str:
        """The text with every server's name replaced."""
        text = _GIT.sub(lambda match: f"{self.git}/{match[1]}.git", text)
        text = _REGISTRY.sub(f"{self.registry}/", text)
        return _ARTIFACTS.sub(f"{self.artifacts}/", text)

    def tree(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """A tree with every text file rewritten, and ``checksum.txt`` following.

        Only checksums that were right stay right: a package that is wrong on purpose keeps its fault.
        """
        changed = {path: self._bytes(content) for path, content in files.items()}
        if "checksum.txt" in files:
            changed["checksum.txt"] = _checksums(files["checksum.txt"].decode(), files, changed).encode()
        return changed

    def _bytes(self, content: bytes) -> bytes:
        try:
            return self.text(content.decode()).encode()
        except UnicodeDecodeError:
            return content


def _checksums(listing: str, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> str:
    lines = []
    for line in listing.splitlines(keepends=True):
        match = _CHECKSUM.fullmatch(line.rstrip("\r\n"))
        if match and match[3] in before and hashlib.sha256(before[match[3]]).hexdigest() == match[1]:
            line = line.replace(match[1], hashlib.sha256(after[match[3]]).hexdigest(), 1)
        lines.append(line)
    return "".join(lines)


def tree_sha256(files: Mapping[str, bytes]) -> str:
    """A tree's ``tree_sha256`` as docs/architecture.md defines it: SHA-256 over ``<sha256>  <path>\\n``, paths sorted bytewise."""
    total = hashlib.sha256()
    for path in sorted(files, key=str.encode):
        total.update(f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n".encode())
    return total.hexdigest()
