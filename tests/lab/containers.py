# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's containers: each is made once and made anew only when its description changed."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from dataclasses import dataclass
from typing import Any

from .network import Bridge
from .paths import LABEL, Lab
from .shell import run


@dataclass(frozen=True)
class File:
    """A file put into a container before it starts."""

    path: str
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Container:
    """What `docker create` is told. ``kind`` is host, registry, git, vault or artifacts."""

    kind: str
    name: str
    image: str
    address: str
    arguments: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def ensure(lab: Lab, bridge: Bridge, wanted: Container) -> bool:
    """Leave with the container running as described; True when it was made anew."""
    state = inspect(wanted.name)
    if state:
        if state["Config"]["Labels"].get(f"{LABEL}.spec") == wanted.digest:
            if not state["State"]["Running"]:
                run(["docker", "start", wanted.name])
            return False
        remove(lab, wanted.name)
    labels = {**lab.labels, f"{LABEL}.kind": wanted.kind, f"{LABEL}.spec": wanted.digest}
    labels |= {f"{LABEL}.{key}": value for key, value in wanted.facts}
    command = ["docker", "create", "--name", wanted.name, "--hostname", wanted.name, "--network", bridge.name, "--ip", wanted.address]
    for volume, path in wanted.volumes:
        marks = [item for key, value in {**lab.labels, f"{LABEL}.of": wanted.name}.items() for item in ("--label", f"{key}={value}")]
        run(["docker", "volume", "create", *marks, volume])
        command += ["--volume", f"{volume}:{path}"]
    for key, value in labels.items():
        command += ["--label", f"{key}={value}"]
    run([*command, *wanted.arguments, wanted.image, *wanted.command])
    if wanted.files:
        put(wanted.name, wanted.files)
    run(["docker", "start", wanted.name])
    return True


def put(name: str, files: tuple[File, ...]) -> None:
    """Write files, owned by root, into a container, running or not."""
    # A file on disk, because a process cannot inherit one from memory.
    with tempfile.TemporaryFile() as stream:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for file in files:
                entry = tarfile.TarInfo(file.path.lstrip("/"))
                entry.size, entry.mode = len(file.content), file.mode
                archive.addfile(entry, io.BytesIO(file.content))
        stream.seek(0)
        run(["docker", "cp", "-", f"{name}:/"], stdin=stream)


def inspect(name: str) -> dict[str, Any] | None:
    done = run(["docker", "container", "inspect", name], check=False)
    return json.loads(done.stdout)[0] if done.returncode == 0 else None


def every(lab: Lab) -> list[dict[str, Any]]:
    """Inspection of each container of this lab, by name."""
    names = run(["docker", "ps", "--all", "--quiet", "--filter", f"label={LABEL}.name={lab.name}"]).stdout.split()
    if not names:
        return []
    found = json.loads(run(["docker", "container", "inspect", *names]).stdout)
    return sorted(found, key=lambda state: state["Name"])


def remove(lab: Lab, name: str) -> None:
    """Remove a container and the volumes made for it."""
    run(["docker", "rm", "--force", "--volumes", name])
    volumes = run(
        ["docker", "volume", "ls", "--quiet", "--filter", f"label={LABEL}.name={lab.name}", "--filter", f"label={LABEL}.of={name}"]
    ).stdout.split()
    if volumes:
        run(["docker", "volume", "rm", *volumes])
