# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the host has the docker command line and its compose plugin."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Where the docker command line looks for the plugins of all users, in its order.
_PLUGINS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)


def find_docker() -> str | None:
    return next((path for folder in PATH.split(":") for path in [f"{folder}/docker"] if os.access(path, os.X_OK)), None)


def compose_plugin() -> str | None:
    """The file of the compose plugin where the docker command line takes one of those for all users."""
    own = f"{home()}/.docker"
    try:
        with open(f"{own}/config.json", encoding="utf-8", errors="replace") as handle:
            elsewhere = "cliPluginsExtraDirs" in handle.read()
    except OSError:
        elsewhere = False
    if elsewhere or os.path.lexists(f"{own}/cli-plugins/docker-compose"):
        return None
    return _first(_PLUGINS)


def find_compose(own: str) -> str | None:
    """The file of the compose plugin, searched for as the docker command line does: in folders its user names, in the user's own,
    then in those for all."""
    try:
        with open(f"{own}/.docker/config.json", encoding="utf-8", errors="replace") as handle:
            config = json.load(handle)
        named = config.get("cliPluginsExtraDirs") if isinstance(config, dict) else None
    except (OSError, ValueError):
        named = None
    folders = [folder for folder in named if isinstance(folder, str) and folder.startswith("/")] if isinstance(named, list) else []
    return _first([*folders, f"{own}/.docker/cli-plugins", *_PLUGINS])


def _first(folders: Iterable[str]) -> str | None:
    return next((path for folder in folders for path in [f"{folder}/docker-compose"] if os.access(path, os.X_OK)), None)


def home() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return "/"
