# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image all of the lab's servers share, and the two that only hand out files: git daemon and static files."""

from __future__ import annotations

import socket
from pathlib import Path

from . import build, containers, web
from .containers import Container, File
from .network import Bridge
from .paths import LABEL, Lab
from .shell import wait

SUITE = "trixie"
_DOCKERFILE = Path(__file__).parent / "dockerfiles" / "services.Dockerfile"
_NGINX = """daemon off;
worker_processes 1;
error_log /dev/stderr;
pid /run/nginx.pid;
events {}
http {
  access_log /dev/stdout;
  server {
    listen 80;
    root /srv/artifacts;
    autoindex on;
    location = /healthz { return 204; }
  }
}
"""


def image(base: str) -> str:
    return build.ensure("services", _DOCKERFILE.read_text(encoding="utf-8"), arguments={"BASE": base})


def up(lab: Lab) -> bool:
    """Whether everything hosts ask for something runs already."""
    running = {state["Config"]["Labels"].get(f"{LABEL}.kind") for state in containers.every(lab) if state["State"]["Running"]}
    return running >= {"registry", "git", "artifacts", "vault"}


def ensure_git(lab: Lab, bridge: Bridge, image_of_services: str) -> None:
    """``git daemon`` over the bare repositories in ``.lab/git``."""
    address = bridge.address("git")
    containers.ensure(
        lab,
        bridge,
        Container(
            kind="git",
            name=lab.called("git"),
            image=image_of_services,
            address=address,
            arguments=("--init", "--volume", f"{lab.git}:/srv/git:ro"),
            command=("git", "daemon", "--verbose", "--export-all", "--reuseaddr", "--base-path=/srv/git", "/srv/git"),
        ),
    )
    wait("git daemon", lambda: _connects(address, 9418), seconds=30)


def git_url(bridge: Bridge, repository: str = "") -> str:
    return f"git://{bridge.address('git')}/{repository}"


def ensure_artifacts(lab: Lab, bridge: Bridge, image_of_services: str) -> None:
    """Static files in ``.lab/artifacts`` over plain http, with range requests."""
    containers.ensure(
        lab,
        bridge,
        Container(
            kind="artifacts",
            name=lab.called("artifacts"),
            image=image_of_services,
            address=bridge.address("artifacts"),
            arguments=("--volume", f"{lab.artifacts}:/srv/artifacts:ro"),
            command=("nginx", "-c", "/etc/lab/nginx.conf"),
            files=(File("/etc/lab/nginx.conf", _NGINX.encode()),),
        ),
    )
    wait("artifacts server", lambda: _serves(f"{artifacts_url(bridge)}/healthz"), seconds=30)


def artifacts_url(bridge: Bridge) -> str:
    return f"http://{bridge.address('artifacts')}"


def _connects(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False


def _serves(url: str) -> bool:
    try:
        return web.get(url).status == 204
    except OSError:
        return False
