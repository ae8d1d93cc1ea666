# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages with a fault: copies of demo-avs v1.0.0, and the edits that spoil them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.integration.support import ROOT

PROFILE = "pkg/hoodi/profile.yml"
COMPOSE = "pkg/hoodi/docker-compose.yml"
RUNTIME = "pkg/hoodi/runtime.yml"
MANIFEST = "pkg/manifest.yml"

Edit = Callable[[Path], None]


class Package:
    """A copy whose images are the lab's. It lists no checksums, since every edit would break them."""

    def __init__(self, tree: Path, registry: str) -> None:
        self.tree = tree
        self.registry = registry
        shutil.copytree(ROOT / "examples" / "packages" / "demo-avs" / "v1.0.0", tree)

    def spoil(self, *edits: Edit) -> Package:
        for edit in edits:
            edit(self.tree)
        (self.tree / "checksum.txt").unlink()
        for path in self.tree.rglob("*.yml"):
            if not path.is_symlink():
                content = path.read_text()
                path.write_text(content.replace("registry.example.org", self.registry).replace("REGISTRY", self.registry))
        return self

    def tamper(self, edit: Edit) -> Package:
        """An edit after the checksums were written."""
        edit(self.tree)
        return self


def as_it_is(_tree: Path) -> None:
    """No edit."""


def together(*edits: Edit) -> Edit:
    def edit(tree: Path) -> None:
        for one in edits:
            one(tree)

    return edit


def text(name: str, old: str, new: str) -> Edit:
    """Replace a piece of a file of the package; the piece has to be there."""

    def edit(tree: Path) -> None:
        path = tree / name
        before = path.read_text()
        assert old in before, f"{old!r} is not in {name}"
        path.write_text(before.replace(old, new))

    return edit


def new_file(name: str) -> Edit:
    def edit(tree: Path) -> None:
        (tree / name).write_text("x")

    return edit


def no_file(name: str) -> Edit:
    def edit(tree: Path) -> None:
        (tree / name).unlink()

    return edit


def link(name: str, target: str) -> Edit:
    def edit(tree: Path) -> None:
        (tree / name).symlink_to(target)

    return edit


def fields(name: str, **changes: Any) -> Edit:
    """Set top-level fields of a YAML file."""

    def edit(tree: Path) -> None:
        path = tree / name
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}, sort_keys=False))

    return edit


def service(**changes: Any) -> Edit:
    """Set fields of the node service in the compose file."""

    def edit(tree: Path) -> None:
        path = tree / COMPOSE
        model = yaml.safe_load(path.read_text())
        model["services"]["node"].update(changes)
        path.write_text(yaml.safe_dump(model, sort_keys=False))

    return edit


def volume(entry: str) -> Edit:
    """Add a mount to the node service."""

    def edit(tree: Path) -> None:
        path = tree / COMPOSE
        model = yaml.safe_load(path.read_text())
        model["services"]["node"]["volumes"].append(entry)
        path.write_text(yaml.safe_dump(model, sort_keys=False))

    return edit


def requirements(stop: bool = True, **least: int) -> Edit:
    """What the host has to have; ``stop``: or the package refuses to run."""
    wanted = {"min_cpu_cores": 1, "min_ram": 1, "min_free_space": 1, **least}
    return fields(MANIFEST, hardware_requirements={**wanted, "stop_if_requirements_are_not_met": stop})
