# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Publishing the examples: package repositories, the tap, the upstream of its adapter, the files they download."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import build, keys, registry, repository, services
from .build import Entry
from .errors import LabError
from .network import Bridge
from .paths import Lab
from .repository import Version
from .rewrite import Places, tree_sha256
from .shell import say

UPSTREAM = "eigenda-operator-setup"
_UPSTREAM_URL = "https://github.com/Layr-Labs/eigenda-operator-setup"
# Which commit of the public repository each folder is; the lab's own commits of the same trees take their place.
_UPSTREAM_COMMITS = {"2.6.0": "ce936fb", "2.7.0": "64bcf47029b6c74994b9e840feef3659ce67944d"}
_EXAMPLE_ARTIFACTS = "https://artifacts.example.org/"
_STAND_IN_SIZE = 65536


class _Loader(yaml.SafeLoader):
    """Leaves timestamps text, so that they are written back as they were."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Upstream:
    """The adapter's upstream as the lab serves it: {version: commit} and {version: tree_sha256}."""

    url: str
    commits: Mapping[str, str]
    trees: Mapping[str, str]

    def text(self, text: str) -> str:
        """The text with URL, commits and tree digests of the public repository replaced."""
        for version, public in _UPSTREAM_COMMITS.items():
            pattern = rf"\b{public[:7]}[0-9a-f]{{0,33}}\b"
            if version in self.commits and re.search(pattern, text):
                text = re.sub(pattern, self.commits[version], text)
                text = re.sub(r"(tree_sha256:\s*[\"']?)[0-9a-f]{64}", rf"\g<1>{self.trees[version]}", text)
        return re.sub(rf"{re.escape(_UPSTREAM_URL)}(?:\.git)?(?![\w/.-])", self.url, text)


def publish(lab: Lab, bridge: Bridge) -> dict[str, dict[str, str]]:
    """Publish everything under ``examples/``; returns {repository: {tag: commit}}, also in ``.lab/repositories.json``."""
    places = Places(registry.host(lab), services.git_url(bridge).rstrip("/"), services.artifacts_url(bridge))
    signer = keys.release(lab)
    published: dict[str, dict[str, str]] = {}
    trees: dict[tuple[str, str], str] = {}
    with tempfile.TemporaryDirectory(prefix="avs-lab-tap-") as scratch:
        for package in _folders(lab.root / "examples" / "packages"):
            versions = []
            for folder in sorted(_folders(package), key=lambda path: repository.order(path.name)):
                files = _rewritten(build.tree(folder), places)
                versions.append(
                    Version(folder.name, _write(Path(scratch) / package.name / folder.name, files), f"{package.name} {folder.name}")
                )
                inside = {path: entry.content for path, entry in files.items() if path.startswith("pkg/")}
                trees[package.name, folder.name] = tree_sha256(inside)
            if versions:
                published[package.name] = repository.publish(lab.git / f"{package.name}.git", versions, signer)
        upstream = _publish_upstream(lab, places, signer)
        if upstream:
            published[UPSTREAM] = dict(upstream.commits)
        folder = lab.root / "examples" / "tap"
        if folder.is_dir():
            files = build.tree(folder)
            _serve_artifacts(lab, files)
            files = {path: _tap_entry(path, entry, places, published, trees, upstream, lab) for path, entry in files.items()}
            version = Version("v1.0.0", _write(Path(scratch) / "tap", files), "tap")
            published["tap"] = repository.publish(lab.git / "tap.git", [version], signer)
    (lab.home / "repositories.json").write_text(json.dumps(published, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    say(f"tap: serving {', '.join(sorted(published)) or 'nothing, examples/ is empty'}")
    return published


def upstream_folder(lab: Lab) -> Path:
    """Where the EigenDA operator setup lies, a folder a version: ``AVS_LAB_EIGENDA``, else a folder beside the project."""
    return Path(os.environ.get("AVS_LAB_EIGENDA") or lab.root.parent / "shared" / "real" / "eigenda")


def _publish_upstream(lab: Lab, places: Places, signer: Path) -> Upstream | None:
    source = upstream_folder(lab)
    versions = [
        Version(f"v{name}", source / name, f"EigenDA operator setup {name}") for name in _UPSTREAM_COMMITS if (source / name).is_dir()
    ]
    if not versions:
        say(f"tap: {source} is not there: the adapter keeps its public upstream")
        return None
    commits = repository.publish(lab.git / f"{UPSTREAM}.git", versions, signer)
    trees = {
        version.tag[1:]: tree_sha256({path: entry.content for path, entry in build.tree(version.folder).items()}) for version in versions
    }
    return Upstream(f"{places.git}/{UPSTREAM}.git", {tag[1:]: commit for tag, commit in commits.items()}, trees)


def _tap_entry(
    path: str,
    entry: Entry,
    places: Places,
    published: Mapping[str, Mapping[str, str]],
    trees: Mapping[tuple[str, str], str],
    upstream: Upstream | None,
    lab: Lab,
) -> Entry:
    text = _stand_ins(path, entry.content.decode(), lab)
    text = places.text(text)
    if upstream:
        text = upstream.text(text)
    if re.fullmatch(r"packages/[^/]+\.yml", path):
        text = index(path, text, published, trees)
    return Entry(text.encode(), entry.mode)


def index(path: str, text: str, published: Mapping[str, Mapping[str, str]], trees: Mapping[tuple[str, str], str]) -> str:
    """A tap's index file with the commits the lab serves; raises LabError for versions that have no folder."""
    document: dict[str, Any] = _Loader(text).get_single_data()
    name = str(document.get("url", "")).rsplit("/", 1)[-1].removesuffix(".git")
    commits = published.get(name)
    if commits is None or name == UPSTREAM:
        return text
    unknown = [str(version["version"]) for version in document.get("versions", []) if version["version"] not in commits]
    if unknown:
        raise LabError(f"examples/tap/{path}: versions {', '.join(unknown)} have no folder in examples/packages/{name}")
    for version in document.get("versions", []):
        version["commit"] = commits[version["version"]]
        if "tree_sha256" in version:
            version["tree_sha256"] = trees[name, version["version"]]
    return yaml.safe_dump(document, sort_keys=False, width=160)


def _artifacts(path: str, text: str) -> list[dict[str, Any]]:
    if not path.endswith("runtime.yml"):
        return []
    document = _Loader(text).get_single_data()
    listed = document.get("artifacts") or [] if isinstance(document, dict) else []
    return [entry for entry in listed if str(entry.get("url", "")).startswith(_EXAMPLE_ARTIFACTS)]


def stand_in(name: str) -> bytes:
    """64 KiB that only the name decides: what the lab serves where the real file has gigabytes."""
    blocks = (hashlib.sha256(f"{name}:{number}".encode()).digest() for number in range(_STAND_IN_SIZE // 32))
    return b"".join(blocks)


def _served(name: str, lab: Lab) -> tuple[bytes, bool]:
    """Content of an artifact, and whether it is the example's own file."""
    own = lab.root / "examples" / "artifacts" / name
    return (own.read_bytes(), True) if own.is_file() else (stand_in(name), False)


def _serve_artifacts(lab: Lab, files: Mapping[str, Entry]) -> None:
    for path, entry in files.items():
        for artifact in _artifacts(path, entry.content.decode()):
            name = artifact["url"].removeprefix(_EXAMPLE_ARTIFACTS)
            target = lab.artifacts / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_served(name, lab)[0])


def _stand_ins(path: str, text: str, lab: Lab) -> str:
    """Digests and sizes of the stand-ins instead of the real files'."""
    for artifact in _artifacts(path, text):
        content, own = _served(artifact["url"].removeprefix(_EXAMPLE_ARTIFACTS), lab)
        if own:
            continue
        text = text.replace(str(artifact["sha256"]), hashlib.sha256(content).hexdigest())
        if "size" in artifact:
            text = re.sub(rf"(size:\s*){artifact['size']}\b", rf"\g<1>{len(content)}", text)
    return text


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__") if folder.is_dir() else []


def _rewritten(files: Mapping[str, Entry], places: Places) -> dict[str, Entry]:
    changed = places.tree({path: entry.content for path, entry in files.items()})
    return {path: Entry(changed[path], entry.mode) for path, entry in files.items()}


def _write(folder: Path, files: Mapping[str, Entry]) -> Path:
    folder.mkdir(parents=True)
    for path, entry in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(entry.content)
        target.chmod(entry.mode)
    return folder
