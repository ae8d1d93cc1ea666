# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keystores, passwords and tokens in files on the controller, found as Ansible finds ``files/``."""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass
from typing import ClassVar

from ...module_utils.common.contents import as_text
from ...module_utils.common.findings import Finding
from ...module_utils.common.rules import finding
from ..parsing.schema import text
from .base import Problem, Request, without_newline
from .source import Fields, Find, Reference, Surroundings, Unnumbered, Written

MAX_BYTES = 1 << 20


class Unreadable(Exception):
    """A file that is there and gives nothing away. ``message`` goes on from the file's name; neither holds any of its content."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message, self.remedy = message, remedy


@dataclass(frozen=True)
class FileRequest(Request):
    """A file on the controller, as the inventory names it; of a password's file the newline at the end is no part. An ``opaque`` one
    may hold any bytes."""

    source: ClassVar[str] = "file"

    path: str
    password: bool = False
    opaque: bool = False

    def __str__(self) -> str:
        return self.path


_PATH = text(lambda value: bool(value) and value.isprintable(), "the path of a file")


class File(Unnumbered):
    name = "file"
    about = "a file on the controller, plain or encrypted with Ansible Vault"
    option_fields: ClassVar[Fields] = {"path": Written(_PATH, "path", "The file.", required=True)}
    key_fields: ClassVar[Fields] = {
        "keystore": Written(_PATH, "path", "The file of the key.", required=True),
        "password_file": Written(_PATH, "path", "The file of its password."),
    }
    password_field = "password_file"
    password_remedy = "Name the file of the password."

    def __init__(self, run: Surroundings) -> None:
        super().__init__(run)
        self._known: dict[FileRequest, str | Problem] = {}

    @classmethod
    def of_option(cls, reference: Reference, owner: str) -> FileRequest:
        return FileRequest(reference["path"], password=True)

    @classmethod
    def of_key(cls, reference: Reference, owner: str, opaque: bool, line: bool) -> tuple[FileRequest, FileRequest | None]:
        password = reference.get("password_file")
        keystore = FileRequest(reference["keystore"], password=line, opaque=opaque)
        return keystore, FileRequest(password, password=True) if password else None

    @classmethod
    def origin(cls, reference: Reference, find: Find) -> str | None:
        path = find(reference["keystore"])
        return f"file {posixpath.realpath(path) if path else posixpath.normpath(reference['keystore'])}"

    def value(self, request: FileRequest) -> str | Problem:
        """The file's content as it travels, read once."""
        if request not in self._known:
            self._known[request] = self._load(request)
        return self._known[request]

    def warnings(self, request: FileRequest, place: str) -> list[Finding]:
        """A file that others on the controller may read is worth a word."""
        path = self.run.files.find(request.path)
        if path is None:
            return []
        mode = stat.S_IMODE(os.stat(path).st_mode)
        if not mode & 0o077 or _is_encrypted(path):
            return []
        return [finding("SEC-004", place, f"other users may read {request.path} (mode {mode:04o})", f"chmod 0600 {request.path}")]

    def _load(self, request: FileRequest) -> str | Problem:
        path = self.run.files.find(request.path)
        if path is None:
            remedy = "Write the path from the playbook's or inventory's folder or its files/, or from the root."
            return Problem("SEC-003", f"there is no file {request.path}", remedy)
        refused = self.run.files.exposed(path)
        if refused is not None:
            return Problem("SEC-005", f"{request.path} {refused[0]}", refused[1])
        try:
            size = os.stat(path).st_size
            data = self.run.files.read(path) if size <= MAX_BYTES else b""
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
