# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Places where Ansible reads every file it finds, whoever put it there: no secret may lie in one (rule SEC-005).

Of a folder that is an inventory Ansible parses all files below, decrypted where they are encrypted with Ansible Vault, and what it can make
nothing else of becomes names of hosts. Below ``group_vars`` and ``host_vars`` files become variables.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

_VARIABLES = ("group_vars", "host_vars")
_OF_VARIABLES = ("", ".yml", ".yaml", ".json")


def exposure(path: str, sources: Iterable[str], folders: Iterable[str], is_ignored: Callable[[str], bool]) -> tuple[str, str] | None:
    """Why a secret must not lie at ``path``, after its name, and what to do; ``None`` where it may.

    ``sources``: the inventories of the run as Ansible was given them (lists of hosts among them); ``folders``: those of playbooks, which
    have variables beside them; ``is_ignored``: whether Ansible skips a file or folder of this name in a folder that is an inventory.
    """
    places = [source for source in sources if source and ("," not in source or os.path.exists(source))]
    for source in places:
        for parts in _below(path, source):
            if not parts:
                return f"is itself an inventory ({source})", "Name the file of the key or password."
            if not any(is_ignored(part) for part in parts):
                remedy = f"Move it out of {source}, to {os.path.join(_parent(source), 'files')}: there it is found by the same name."
                return f"lies in the inventory {source}: Ansible parses it, and makes host names of what is in it", remedy
    for folder in (*(source if os.path.isdir(source) else os.path.dirname(source) for source in places), *folders):
        for parts in _below(path, folder):
            if len(parts) > 1 and parts[0] in _VARIABLES and _is_loaded(parts[1:]):
                remedy = f"Move it to {os.path.join(_parent(folder), 'files')}: there it is found by the same name."
                return f"lies in {os.path.join(folder, parts[0])}: Ansible makes variables of hosts of it", remedy
    return None


def beside(sources: Iterable[str], base: str) -> list[str]:
    """Folders beside those that are inventories and hold ``base``, and beside ``base``: what lies there Ansible does not parse."""
    holding = [source for source in sources if os.path.isdir(source) and any(True for _parts in _below(base, source))]
    return list(dict.fromkeys(_parent(folder) for folder in (*holding, base)))


def _below(path: str, folder: str) -> Iterator[list[str]]:
    """The parts of ``path`` below ``folder``, as they are written and with links resolved; none for the folder itself."""
    for resolve in (os.path.abspath, os.path.realpath):
        inner = os.path.relpath(resolve(path), resolve(folder))
        if inner == os.curdir:
            yield []
        elif inner != os.pardir and not inner.startswith(os.pardir + os.sep):
            yield inner.split(os.sep)


def _parent(folder: str) -> str:
    return os.path.dirname(os.path.abspath(folder))


def _is_loaded(parts: list[str]) -> bool:
    """Whether a file below ``group_vars`` is one of those that hold variables (``DataLoader.find_vars_files``)."""
    *folders, name = parts
    if any(part.startswith(".") or part.endswith("~") for part in parts) or any(os.path.splitext(part)[1] for part in folders[1:]):
        return False
    return os.path.splitext(name)[1] in _OF_VARIABLES
