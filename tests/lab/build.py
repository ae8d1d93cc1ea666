# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Building images with the engine's builder, once per content."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .paths import LABEL
from .shell import run, say


def exists(reference: str) -> bool:
    return run(["docker", "image", "inspect", reference], check=False).returncode == 0


def digest(dockerfile: str, files: Mapping[str, bytes], arguments: Mapping[str, str]) -> str:
    """Twelve hex digits that change with anything that goes into the image."""
    state = hashlib.sha256()
    for part in (dockerfile.encode(), *(item for name in sorted(files) for item in (name.encode(), files[name])),
                 repr(sorted(arguments.items())).encode()):
        state.update(hashlib.sha256(part).digest())
    return state.hexdigest()[:12]


def tree(folder: Path) -> dict[str, bytes]:
    """A folder's files as ``{relative path: content}``."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def ensure(
    name: str,
    dockerfile: str,
    *,
    files: Mapping[str, bytes] | None = None,
    arguments: Mapping[str, str] | None = None,
    target: str = "",
    executable: frozenset[str] = frozenset(),
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
        (folder / "Dockerfile").write_text(dockerfile, encoding="utf-8")
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
            if path in executable:
                (folder / path).chmod(0o755)
        # The machine's own network: a mirror the machine reaches by its routes or proxy is reached by the build, too.
        command = ["docker", "build", "--quiet", "--network", "host", "--label", f"{LABEL}=1", "--tag", reference]
        for key, value in arguments.items():
            command += ["--build-arg", f"{key}={value}"]
        if target:
            command += ["--target", target]
        run([*command, str(folder)], timeout=1200)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return reference
