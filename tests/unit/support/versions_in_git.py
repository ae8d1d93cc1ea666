# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions of the example package in a repository that a tap lists."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from examples.packages.checksum import write as write_checksums
from tests.unit.support.builders import GitRepo, as_yaml, write

PACKAGE = Path(__file__).resolve().parents[3] / "examples/packages/demo-avs"
# Version -> what becomes of its runtime.yml.
Changed = Mapping[str, Callable[[dict[str, Any]], None]]


def tap_of(
    folder: Path,
    versions: Sequence[str],
    changed: Changed | None = None,
    like: Mapping[str, str] | None = None,
    registry: str | None = None,
) -> Path:
    """A tap with ``demo-avs`` in these versions, the oldest first. ``like``: a version of the examples that others are made of; ``registry``:
    the one that has its images."""
    repo, listed = GitRepo(folder / "repo"), []
    for version in versions:
        for path in repo.root.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(PACKAGE / (like or {}).get(version, version), repo.root, dirs_exist_ok=True)
        change = (changed or {}).get(version)
        for path in repo.root.rglob("runtime.yml") if change else ():
            runtime = yaml.safe_load(path.read_text())
            change(runtime)
            path.write_text(as_yaml(runtime))
        for path in repo.root.rglob("*.yml") if registry else ():
            path.write_text(path.read_text().replace("registry.example.org", str(registry)))
        write_checksums(repo.root)
        # Files of one size that came in one moment look alike to its index.
        repo.git("rm", "-r", "--quiet", "--cached", "--ignore-unmatch", ".")
        listed.append({"version": version, "commit": repo.commit({}, version)})
    index = {"name": "demo-avs", "url": repo.url, "networks": ["hoodi"], "versions": listed}
    return write(folder / "tap", {"tap.yml": "schema: 1\nname: core\n", "packages/demo-avs.yml": as_yaml(index)})
