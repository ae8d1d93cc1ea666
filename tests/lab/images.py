# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The example images: built on the lab's bases, pushed to the lab's registry, signed."""

from __future__ import annotations

import json
import socket
import urllib.parse
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import build, registry, sign
from .errors import LabError
from .network import Bridge
from .paths import Lab
from .shell import run, say

_DOCKERFILE = Path(__file__).parent / "dockerfiles" / "bases.Dockerfile"
BASES = ("minbase", "python", "nginx")
# An image on this base stands in for the public one of its name, which hosts find through the registry as a mirror.
STANDS_IN = "nginx"
_KEYS = {"name", "context", "dockerfile", "base", "tags", "build_args"}


@dataclass(frozen=True)
class Image:
    """One tag of one entry of ``images.yml``."""

    name: str
    tag: str
    context: Path
    dockerfile: str
    base: str
    arguments: tuple[tuple[str, str], ...]

    @property
    def repositories(self) -> tuple[str, ...]:
        return (self.name, f"library/{self.name}") if self.base == STANDS_IN else (self.name,)


def read(root: Path) -> list[Image]:
    """Entries of ``examples/images/images.yml``, one Image a tag, paths from that file on; raises LabError naming every bad entry."""
    path = root / "examples" / "images" / "images.yml"
    if not path.exists():
        return []
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries = document.get("images", []) if isinstance(document, dict) else document
    problems: list[str] = []
    found: list[Image] = []
    for number, entry in enumerate(entries or []):
        problem = _problem(path.parent, entry)
        if problem:
            problems.append(f"  [{number}]: {problem}")
        else:
            found += _tags(path.parent, entry)
    if problems:
        raise LabError("\n".join([f"{path}: {len(problems)} bad entries", *problems]))
    return found


def _problem(folder: Path, entry: Any) -> str:
    if not isinstance(entry, Mapping):
        return "is no mapping"
    if unknown := sorted(set(entry) - _KEYS):
        return f"unknown keys {', '.join(unknown)}; known: {', '.join(sorted(_KEYS))}"
    if missing := [key for key in ("name", "context", "base", "tags") if not entry.get(key)]:
        return f"{', '.join(missing)} missing"
    if entry["base"] not in BASES:
        return f"base {entry['base']!r} is none of {', '.join(BASES)}"
    if not (folder / entry["context"] / entry.get("dockerfile", "Dockerfile")).is_file():
        return f"{entry['context']}/{entry.get('dockerfile', 'Dockerfile')} does not exist"
    return ""


def _tags(folder: Path, entry: Mapping[str, Any]) -> list[Image]:
    return [
        Image(
            name=entry["name"],
            tag=str(tag),
            context=(folder / entry["context"]).resolve(),
            dockerfile=entry.get("dockerfile", "Dockerfile"),
            base=entry["base"],
            arguments=tuple((key, str(value)) for key, value in (entry.get("build_args") or {}).items()),
        )
        for tag in entry["tags"]
    ]


def ensure(lab: Lab, bridge: Bridge, base: str, image_of_services: str) -> dict[str, str]:
    """Build, push and sign every example image; returns ``{name:tag: host/name@digest}``, also in ``.lab/images.json``."""
    wanted = read(lab.root)
    kinds = sorted({image.base for image in wanted})
    with ThreadPoolExecutor(max_workers=len(BASES)) as pool:
        bases = dict(zip(kinds, pool.map(lambda kind: _base(base, kind), kinds)))
    contexts = {folder: _without_tests(build.tree(folder)) for folder in {image.context for image in wanted}}
    built = {image: _built(image, bases[image.base], contexts[image.context]) for image in wanted}
    places = [(image, repository) for image in wanted for repository in image.repositories]
    with ThreadPoolExecutor(max_workers=4) as pool:
        pushed = list(pool.map(lambda place: _pushed(lab, bridge, place[1], place[0].tag, built[place[0]]), places))
    sign.key(lab, image_of_services)
    sign.sign(lab, bridge, image_of_services, pushed)
    references = {f"{repository}:{image.tag}": reference for (image, repository), reference in zip(places, pushed)}
    (lab.home / "images.json").write_text(json.dumps(references, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    if references:
        say(f"images: {len(references)} in {registry.host(lab)}")
    return references


def _without_tests(context: Mapping[str, build.Entry]) -> dict[str, build.Entry]:
    """The tests that lie beside the images are part of none: to change one builds nothing anew."""
    return {path: entry for path, entry in context.items() if not path.startswith("tests/")}


def _base(base: str, kind: str) -> str:
    if kind == "minbase":
        return base
    return build.ensure(f"base-{kind}", _DOCKERFILE.read_text(encoding="utf-8"), arguments={"BASE": base}, target=kind)


def _built(image: Image, base: str, context: Mapping[str, build.Entry]) -> str:
    if image.base == STANDS_IN and _pullable(f"{image.name}:{image.tag}"):
        return f"{image.name}:{image.tag}"
    dockerfile = context[image.dockerfile].content.decode()
    return build.ensure(image.name, dockerfile, files=context, arguments={**dict(image.arguments), "BASE": base})


def _pullable(reference: str) -> bool:
    """Whether the engine has the public image or gets it; asks the network only where the engine's index is reachable."""
    if build.exists(reference):
        return True
    index = urllib.parse.urlsplit(run(["docker", "info", "--format", "{{.IndexServerAddress}}"]).stdout.strip()).hostname
    try:
        socket.create_connection((index or "localhost", 443), timeout=3).close()
    except OSError:
        return False
    return run(["docker", "pull", "--quiet", reference], check=False, timeout=120).returncode == 0


def _pushed(lab: Lab, bridge: Bridge, repository: str, tag: str, reference: str) -> str:
    identity = run(["docker", "image", "inspect", "--format", "{{.Id}}", reference]).stdout.strip()
    present = registry.digest(lab, bridge, repository, tag)
    if present and registry.config_digest(lab, bridge, repository, present) == identity:
        return f"{registry.host(lab)}/{repository}@{present}"
    return registry.push(lab, bridge, reference, repository, tag)
