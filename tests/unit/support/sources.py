# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What sources of secrets may use of a task, without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.run_folder import RunFolder
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.source import Surroundings


class Folder:
    """Files below one folder, as a run finds files."""

    def __init__(
        self,
        root: Path,
        read: Callable[[str], bytes] = lambda path: Path(path).read_bytes(),
        exposed: Callable[[str], tuple[str, str] | None] = lambda _path: None,
    ) -> None:
        self.root, self.read, self.exposed = root, read, exposed

    def find(self, name: str) -> str | None:
        path = self.root / name
        return str(path) if path.is_file() else None


def surroundings(
    folder: Path, variables: Mapping[str, Any] | None = None, files: Folder | None = None, wishes: Mapping[str, Any] | None = None
) -> Surroundings:
    return Surroundings((variables or {}).get, files or Folder(folder), RunFolder(folder), "task", wishes or {})
