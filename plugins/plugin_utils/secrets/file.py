# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keystores, passwords and tokens in files on the controller, found as Ansible finds ``files/``."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable

from ...module_utils.common.contents import as_text
from ...module_utils.common.digests import keyed_digest
from ...module_utils.common.findings import Finding
from ...module_utils.common.rules import finding
from .base import FileRequest, Problem, without_newline

MAX_BYTES = 1 << 20


class Unreadable(Exception):
    """A file that is there and gives nothing away. ``message`` goes on from the file's name; neither holds any of its content."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message, self.remedy = message, remedy


class FileSource:
    """``find`` turns a name of the inventory into a path (``None``: nowhere), ``read`` returns a file's content, decrypted; it raises
    ``OSError``, or ``Unreadable``. ``refuse`` says why a file must not lie where it does (``None``: it may).

    The identity of such a value is its MAC under a random nonce of this object: it tells a host that holds the value whether it is the
    same, and nobody else anything.
    """

    def __init__(
        self,
        find: Callable[[str], str | None],
        read: Callable[[str], bytes],
        refuse: Callable[[str], tuple[str, str] | None] = lambda _path: None,
    ) -> None:
        self._find = find
        self._read = read
        self._refuse = refuse
        self._nonce = secrets.token_bytes(16)
        self._known: dict[FileRequest, str | Problem] = {}

    def __repr__(self) -> str:
        return "FileSource()"

    def reference(self, value: str) -> dict[str, str]:
        """``{nonce, mac}``, both hex; the nonce's bytes are the key of the HMAC-SHA-256."""
        return {"nonce": self._nonce.hex(), "mac": keyed_digest(self._nonce, value)}

    def value(self, request: FileRequest) -> str | Problem:
        """The file's content as it travels, read once."""
        if request not in self._known:
            self._known[request] = self._load(request)
        return self._known[request]

    def warnings(self, request: FileRequest, place: str) -> list[Finding]:
        """A file that others on the controller may read is worth a word."""
        path = self._find(request.path)
        if path is None:
            return []
        mode = stat.S_IMODE(os.stat(path).st_mode)
        if not mode & 0o077 or _is_encrypted(path):
            return []
        return [finding("SEC-004", place, f"other users may read {request.path} (mode {mode:04o})", f"chmod 0600 {request.path}")]

    def _load(self, request: FileRequest) -> str | Problem:
        path = self._find(request.path)
        if path is None:
            remedy = "Write the path from the playbook's or inventory's folder or its files/, or from the root."
            return Problem("SEC-003", f"there is no file {request.path}", remedy)
        refused = self._refuse(path)
        if refused is not None:
            return Problem("SEC-005", f"{request.path} {refused[0]}", refused[1])
        try:
            size = os.stat(path).st_size
            data = self._read(path) if size <= MAX_BYTES else b""
        except Unreadable as error:
            return Problem("SEC-003", f"{request.path} {error.message}", error.remedy)
        except OSError as error:
            return Problem("SEC-003", f"{request.path} cannot be read: {error.strerror}", "Correct the file's owner and mode.")
        if size > MAX_BYTES:
            return Problem("SEC-003", f"{request.path} is larger than {MAX_BYTES >> 20} MiB", "Name the file of the key or password.")
        try:
            text = as_text(data) if request.opaque else data.decode("utf-8")
        except UnicodeDecodeError:
            return Problem(
                "SEC-003", f"{request.path} is not UTF-8 text", "Name a keystore (JSON) or a file of text; kind: file may be any bytes."
            )
        if request.password:
            text = without_newline(text)
        return text or Problem("SEC-003", f"{request.path} is empty", "Write the key or password into it.")


def _is_encrypted(path: str) -> bool:
    try:
        with open(path, "rb") as handle:
            return handle.read(15) == b"$ANSIBLE_VAULT;"
    except OSError:
        return False
