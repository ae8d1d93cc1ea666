# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where files of secrets are looked for on the controller, and where they must not lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...module_utils.system.regular import read_regular
from .exposed import beside, exposure
from .file import MAX_BYTES

ENCRYPTED = b"$ANSIBLE_VAULT;"


@dataclass(frozen=True)
class Places:
    """``base``: the inventory's folder; ``inventories`` as Ansible was given them; ``playbooks``: folders of the run's playbooks."""

    base: Path
    inventories: Sequence[str] = ()
    playbooks: Sequence[str] = ()


class ControllerFiles:
    """``needle`` finds a name as a role or play finds its ``files/`` (``None``: nowhere); ``decrypt`` opens what Ansible Vault encrypted, or
    raises ``Unreadable``; ``is_ignored``: whether Ansible skips a file of this name in a folder that is an inventory.
    """

    def __init__(
        self, places: Places, needle: Callable[[str], str | None], decrypt: Callable[[str, bytes], bytes], is_ignored: Callable[[str], bool]
    ) -> None:
        self._places, self._needle, self._decrypt, self._is_ignored = places, needle, decrypt, is_ignored
        self._found: dict[str, str | None] = {}

    def find(self, name: str) -> str | None:
        """The path of a file: as ``files/`` are found, else from the inventory's folder, else beside that folder. Looked for once: a key's
        file is asked for by all who compare keys."""
        if name not in self._found:
            self._found[name] = self._look(name)
        return self._found[name]

    def _look(self, name: str) -> str | None:
        if Path(name).expanduser().is_absolute():
            return str(Path(name).expanduser()) if Path(name).expanduser().is_file() else None
        folders = [self._places.base, *(Path(folder) for folder in beside(self._places.inventories, str(self._places.base)))]
        found = self._needle(name)
        candidates = [*([Path(found)] if found else []), *(path for folder in folders for path in (folder / "files" / name, folder / name))]
        present = [str(path) for path in candidates if path.is_file()]
        # A file that was moved out of the inventory and one that was left behind: the one that may be used counts.
        return next((path for path in present if self.exposed(path) is None), present[0] if present else None)

    def read(self, path: str) -> bytes:
        """A file's content, decrypted. Raises ``OSError`` and ``Unreadable``."""
        data = read_regular(path, MAX_BYTES)
        return self._decrypt(path, data) if data.startswith(ENCRYPTED) else data

    def exposed(self, path: str) -> tuple[str, str] | None:
        """Why a secret's file must not lie where it does, and what to do."""
        return exposure(path, self._places.inventories, self._places.playbooks, self._is_ignored)
