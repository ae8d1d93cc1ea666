# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Building images with the engine's builder, once per content."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .paths import LABEL
from .shell import run, say

_NOISE = ("__pycache__", ".git", ".pytest_cache", ".mypy_cache", ".ruff_cache")


@dataclass(frozen=True)
class Entry:
    """A file of a build context."""

    content: bytes
    mode: int = 0o644


def exists(reference: str) -> bool:
    return run(["docker", "image", "inspect", reference], check=False).returncode == 0


def digest(dockerfile: str, files: Mapping[str, Entry], arguments: Mapping[str, str]) -> str:
    """Twelve hex digits that change with anything that goes into the image."""
    state = hashlib.sha256()
    listed = [(name, files[name].mode, hashlib.sha256(files[name].content).hexdigest()) for name in sorted(files)]
    state.update(repr((dockerfile, listed, sorted(arguments.items()))).encode())
    return state.hexdigest()[:12]


def tree(folder: Path) -> dict[str, Entry]:
    """A folder's files by relative path, without what tools leave behind; of the mode only the executable bit counts."""
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not set(relative.parts) & set(_NOISE):
            found[relative.as_posix()] = Entry(path.read_bytes(), 0o755 if path.stat().st_mode & 0o100 else 0o644)
    return found


def ensure(
    name: str, dockerfile: str, *, files: Mapping[str, Entry] | None = None, arguments: Mapping[str, str] | None = None, target: str = ""
) -> str:
    """Reference ``avs-lab/<name>:<content hash>``, built where it does not exist."""
    files = files or {}
    arguments = arguments or {}
    reference = f"avs-lab/{name}:{digest(dockerfile + target, files, arguments)}"
    if exists(reference):
        return reference
    say(f"image: building {reference}")
    folder = Path(tempfile.mkdtemp(prefix="avs-lab-build-"))
    try:
        for path, entry in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(entry.content)
            (folder / path).chmod(entry.mode)
        (folder / "Dockerfile").write_text(dockerfile, encoding="utf-8")
        # The machine's own network: a mirror the machine reaches by its routes or proxy is reached by the build, too.
        command = ["docker", "build", "--quiet", "--network", "host", "--label", f"{LABEL}=1", "--tag", reference]
        for key, value in arguments.items():
            command += ["--build-arg", f"{key}={value}"]
        if target:
            command += ["--target", target]
        # An attestation would make the image an index, with a digest of its own each time.
        run([*command, str(folder)], timeout=1200, env={"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return reference
