# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may lie in a host's folders that nobody of ours put there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# What does not stand in the way of another is there at the same time.
ODD = {
    "a dangling link, a folder and a pipe among the artifacts": lambda bench, own: (
        _link(Path(bench.store.artifacts, "0" * 64)),
        Path(bench.store.artifacts, "1" * 64).mkdir(parents=True, exist_ok=True),
        _fifo(Path(bench.store.artifacts, "2" * 64)),
    ),
    "folders and a pipe among the releases": lambda bench, own: (
        Path(own.releases, "backup").mkdir(),
        Path(own.releases, "²-x").mkdir(),
        _fifo(Path(own.releases, "9-x")),
    ),
    "secrets.json and identities.json are folders": lambda bench, own: (
        _folder(Path(own.run, "secrets.json")),
        _folder(Path(own.run, "identities.json")),
    ),
    "keys is a file": lambda bench, own: _file(Path(own.keys)),
    "run is a file": lambda bench, own: _file(Path(own.run)),
    "spec.json is a folder and artifacts.json a link": lambda bench, own: (
        _folder(Path(own.path("spec.json"))),
        _link(Path(own.artifacts_file)),
    ),
    "artifacts is a file": lambda bench, own: _file(Path(bench.store.artifacts)),
}


def _clear(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.is_symlink() or path.exists():
        path.unlink()
    return path


def _link(path: Path) -> None:
    _clear(path).symlink_to("/nowhere")


def _folder(path: Path) -> None:
    _clear(path).mkdir()
    (path / "x").write_text("x")


def _file(path: Path) -> None:
    _clear(path).write_text("x")


def _fifo(path: Path) -> None:
    os.mkfifo(_clear(path))
