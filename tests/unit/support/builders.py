# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages, taps and git repositories, made in a test's own folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

MANIFEST: dict[str, Any] = {
    "version": "0.1.0",
    "name": "mock-avs",
    "upgrade": "recommended",
    "hardware_requirements": {"min_cpu_cores": 2, "min_ram": 2048, "min_free_space": 5120},
    "plugin": {"image": "registry.example.org/mock-avs-plugin:v0.1.0"},
    "profiles": ["option-returner"],
}
PROFILE: dict[str, Any] = {
    "name": "option-returner",
    "options": [
        {"name": "main-port", "target": "MAIN_PORT", "type": "port", "default": 8080, "help": "Port of the node"},
        {"name": "rpc", "target": "RPC_URL", "type": "uri", "validate": {"uri_scheme": ["http", "https"]}, "help": "RPC"},
        {"name": "password", "target": "PASSWORD", "type": "str", "hidden": True, "help": "Password of the key"},
    ],
    "monitoring": {"targets": [{"service": "main", "port": 8090, "path": "/metrics"}]},
    "api": {"service": "main", "port": 8080},
}
COMPOSE = """\
services:
  main:
    image: registry.example.org/mock-avs:v0.1.0
    ports: ["127.0.0.1:${MAIN_PORT}:8080"]
    environment: {RPC_URL: "${RPC_URL}", NODE_KEY_FILE: "${PASSWORD:-}"}
"""
RUNTIME: dict[str, Any] = {
    "schema": 1,
    "privileges": {"main": {"user": "1000:1000"}},
    "contact": {"security": "mailto:security@example.org"},
}


SOUND = "the sound runtime.yml"


def package_files(
    manifest: Mapping[str, Any] | str | None = None,
    profile: Mapping[str, Any] | str | None = None,
    runtime: Mapping[str, Any] | str | None = SOUND,
    compose: str = COMPOSE,
    env: str | None = "MAIN_PORT=8080\n",
    name: str = "option-returner",
    prefix: str = "pkg/",
    notes: bool = True,
    checksums: bool = True,
) -> dict[str, str]:
    """Path -> content of a package without findings; every part can be replaced."""
    files = {
        f"{prefix}manifest.yml": as_yaml(manifest or MANIFEST),
        f"{prefix}{name}/profile.yml": as_yaml(profile or PROFILE),
        f"{prefix}{name}/docker-compose.yml": compose,
    }
    if runtime is not None:
        files[f"{prefix}{name}/runtime.yml"] = as_yaml(RUNTIME if runtime == SOUND else runtime)
    if env is not None:
        files[f"{prefix}{name}/.env"] = env
    if checksums:
        files["checksum.txt"] = checksum_of(files)
    if notes:
        files["CHANGELOG.md"] = "# v5.5.2\nFirst.\n"
    return files


def as_yaml(data: Mapping[str, Any] | str) -> str:
    return data if isinstance(data, str) else yaml.safe_dump(dict(data), sort_keys=False)


def checksum_of(files: Mapping[str, str]) -> str:
    return "".join(f"{hashlib.sha256(text.encode()).hexdigest()}  {path}\n" for path, text in files.items() if path.startswith("pkg/"))


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


class GitRepo:
    """A real repository; commits and tags need no configuration of the machine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        return f"file://{self.root}"

    def git(self, *arguments: str, **environment: str) -> str:
        settings = ["user.name=Test", "user.email=test@example.org", "commit.gpgSign=false", "tag.gpgSign=false"]
        command = ["git", *(part for setting in settings for part in ("-c", setting)), *arguments]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        clean |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **environment}
        return subprocess.run(command, cwd=self.root, env=clean, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, files: Mapping[str, str], tag: str | None = None, message: str = "change") -> str:
        """Commit exactly these files (others stay), optionally tag, and return the commit."""
        write(self.root, files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        if tag:
            self.git("tag", "--force", tag)
        return self.git("rev-parse", "HEAD")
