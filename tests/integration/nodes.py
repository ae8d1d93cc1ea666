# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two nodes that a reboot treats differently: one without secrets, and one whose keys are in memory only."""

from __future__ import annotations

from typing import Any

from tests.integration.support import Fleet

_QUIET = {
    "CHANGELOG.md": "First.\n",
    "pkg/manifest.yml": "{version: 0.1.0, name: quiet, upgrade: optional, profiles: [net]}\n",
    "pkg/net/profile.yml": "{name: net, options: []}\n",
    "pkg/net/.env": "",
    "pkg/net/runtime.yml": "{schema: 1, privileges: {node: {user: '1000:1000'}}, health: {type: container}}\n",
    # It fails when it is asked to end, and its policy brings back what failed.
    "pkg/net/docker-compose.yml": (
        "services: {node: {image: IMAGE, entrypoint: [sh, -c, 'trap \"exit 3\" TERM; while :; do sleep 1 & wait; done'], restart: on-failure}}\n"
    ),
}


def quiet_node(fleet: Fleet, tag: str) -> dict[str, Any]:
    """The inventory's entry of ``quiet-<tag>``: one service, no keys."""
    package = fleet.folder / "quiet"
    for name, text in _QUIET.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text.replace("IMAGE", f"{fleet.facts['lab_registry']}/demo-avs:1.0.0"))
    return {"package": {"path": str(package)}, "profile": "net", "tag": tag}


def keyed_node(pair: list[dict[str, Any]], tag: str) -> dict[str, Any]:
    """The inventory's entry of ``demo-avs-<tag>``: two services, and the keys of ``pair``, which were stored for this tag."""
    token = {"source": "vault", "path": f"avs/{tag}/rpc", "field": "token"}
    return {
        "package": "demo-avs", "version": "v1.0.0", "profile": "mainnet", "tag": tag, "keys": pair,
        "options": {"main-port": 8080, "metrics-port": 9300, "gateway-port": 8180, "rpc-token": token},
    }  # fmt: skip


def two_nodes(fleet: Fleet, keys: Any, tag: str) -> list[dict[str, Any]]:
    """The entries of both; ``keys`` is the fixture of that name."""
    return [quiet_node(fleet, tag), keyed_node(keys.pair(tag), tag)]
