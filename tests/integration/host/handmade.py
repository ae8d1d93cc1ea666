# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of a few lines, for what the example package never does: services that end, that crash, that will not stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.integration.host.support import IMAGE, Bench

SLEEP = ["sh", "-c", "trap 'exit 0' TERM; sleep infinity & wait"]
# Hears no request to end.
STUBBORN = ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]


def service(entrypoint: list[str], **more: Any) -> dict[str, Any]:
    return {"image": IMAGE, "entrypoint": entrypoint, **more}


def tree(folder: Path, services: dict[str, Any], **more: Any) -> Path:
    """A package's tree with one profile, ``net``."""
    profile = folder / "pkg" / "net"
    profile.mkdir(parents=True)
    (profile / "docker-compose.yml").write_text(yaml.safe_dump({"services": services, **more}))
    (profile / ".env").write_text("LEVEL=info\n")
    return folder


def spec(bench: Bench, tag: str, package: Path, services: list[str], timeout: int = 30, **changes: Any) -> dict[str, Any]:
    """A spec of such a package: no secret, no key, no port."""
    found = bench.spec(tag, package)
    bench.values[found["id"]] = {}
    found.update({
        "profile": "net",
        "compose": {"dir": "pkg/net", "files": ["docker-compose.yml"], "env_files": [".env"], "profiles": []},
        "env": {}, "secrets": {}, "keys": [], "directories": [], "volumes": {}, "metrics": [], "api": None,
        "privileges": {name: {"user": "1000:1000", "cap_add": [], "read_only": False, "tmpfs": [], "ports": {}} for name in services},
        "health": {"type": "container", "service": None, "port": 8080, "timeout": timeout, "steady": 1},
        **changes,
    })  # fmt: skip
    return found
