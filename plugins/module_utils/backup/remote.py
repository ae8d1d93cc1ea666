# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A repository that is not on this host."""

from __future__ import annotations

import os
import re
import shlex
from contextlib import suppress
from urllib.parse import unquote

from ..common.errors import HostError
from ..common.masking import Mask
from ..common.rules import finding
from ..instance.store import InstanceStore
from ..system import files
from ..system.command import RunCommand
from . import backends, copies, settings
from .backends import CA, LOCAL, PASSWORD, REST, S3, SECRET, SFTP
from .copies import ELSEWHERE, Copy
from .restic import ANSWER, Restic, ResticError
from .restic_versions import Abilities

# A repository's address can be read from a file, and be copied to by that.
_BY_FILE = (0, 14)
# Seconds to be told whether one is there: restic tries again and again where nobody answers.
_FIRST = 180.0


class RemoteRestic(Restic):
    """A repository reached by sftp, S3, or restic's own protocol."""

    def __init__(self, run_command: RunCommand, own: InstanceStore, copy: Copy, password: str) -> None:
        address = backends.address_of(copy.repository)
        super().__init__(run_command, address.below(own.id), password)
        self._own, self._copy, self._kind = own, copy, address.kind

    def exists(self) -> bool:
        """Raises ``ResticError`` where it cannot be told: nobody answers, or not to us, or the password is wrong."""
        code, _out, err = self._call(["cat", "config", "--no-lock"], _FIRST)
        if not code:
            return True
        error = self._error("the repository could not be opened", code, err)
        if error.kind != "missing":
            raise error
        return False

    def make(self) -> None:
        self._must("the repository could not be made", ["init"], ANSWER)

    def abilities(self) -> Abilities:
        found = super().abilities()
        if self._by_file and found.number < _BY_FILE:
            message = f"{self._copy.name}: with a user it needs restic {_BY_FILE[0]}.{_BY_FILE[1]} or newer, there is {found.version}"
            raise HostError(message, [finding("BAK-003", "restic", message, "Install a newer restic, or use another kind of repository.")])
        return found

    @property
    def _by_file(self) -> bool:
        return self._kind == REST and SECRET in self._copy.needs

    def _file(self, name: str) -> str:
        return os.path.join(copies.folder(self._own, self._copy.name), name)

    def _reached(self) -> list[str]:
        words = ["--cacert", self._file(CA)] if CA in self._copy.needs else []
        if self._kind == SFTP:
            words += ["-o", f"sftp.command={shlex.join(copies.ssh_words(self._own, self._copy))}"]
        if self._kind == S3 and self._copy.region:
            words += ["-o", f"s3.region={self._copy.region}"]
        return words

    def _place(self) -> list[str]:
        where = ["--repository-file", self._file(SECRET)] if self._by_file else ["--repo", self.repository]
        return [*self._reached(), *where, "--password-file", self._password]

    def _environment(self) -> dict[str, str]:
        return {"AWS_SHARED_CREDENTIALS_FILE": self._file(SECRET)} if self._kind == S3 else {}

    def _lock_names(self) -> list[str]:
        code, out, _err = self._call(["list", "locks", "--no-lock"], ANSWER, plain=True)
        return [] if code else out.split()

    def _error(self, what: str, code: int, said: str) -> ResticError:
        """Without what it logs in with, should a server or a library say it."""
        secrets: list[str] = []
        with suppress(OSError, UnicodeDecodeError):
            text = files.read(self._file(SECRET)).decode()
            secrets = (
                re.findall(r"://([^@/]*)@", text)
                + re.findall(r"://[^:@/]*:([^@/]*)@", text)
                + re.findall(r"secret_access_key = (.*)", text)
            )
        return super()._error(what, code, Mask([*secrets, *map(unquote, secrets)])(said))


def opened(run_command: RunCommand, own: InstanceStore, copy: Copy, password: str = "") -> Restic:
    """The repository of an instance a copy has. ``password``: path of the file it is in, where it has none of its own and the host keeps another one."""
    own_password = (
        os.path.join(copies.folder(own, copy.name), PASSWORD) if PASSWORD in copy.needs else password or settings.password_file(own)
    )
    local = copy.kind == LOCAL
    found = (
        Restic(run_command, os.path.join(copy.repository, own.id), own_password)
        if local
        else RemoteRestic(run_command, own, copy, own_password)
    )
    found.removes = copy.prune != ELSEWHERE
    return found
