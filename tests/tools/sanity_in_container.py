# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a step of ``tests/sanity.sh`` in a Debian 13 container, whose Python the newest ansible-core accepts.

The repository is mounted where it is, and the container uses the machine's network, pip settings and certificates.
"""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path

from tests.lab import apt, base, build, engine
from tests.lab.paths import this_lab

_SUITE = "trixie"
_DOCKERFILE = """# SPDX-License-Identifier: GPL-3.0-or-later
ARG BASE
FROM ${BASE}
RUN apt-get -q update \\
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install python3 python3-venv git \\
 && rm -rf /var/lib/apt/lists/*
"""
_PASSED_ON = ("PIP_", "SSL_CERT_", "REQUESTS_CA_", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def command(image: str, root: Path, step: str) -> list[str]:
    """``docker run`` with what pip needs from the machine, each thing under the path it has there."""
    words = ["docker", "run", "--rm", "--init", "--network", "host", "--volume", f"{root}:{root}", "--workdir", str(root)]
    places = [Path("/etc/pip.conf"), Path("/etc/ssl/certs"), Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/cert.pem")]
    places += [
        Path(os.environ[name]) for name in ("PIP_CERT", "SSL_CERT_FILE", "PIP_FIND_LINKS") if os.environ.get(name, "").startswith("/")
    ]
    for place in dict.fromkeys(places):
        if place.exists():
            words += ["--volume", f"{place}:{place}:ro"]
    for name, value in sorted(os.environ.items()):
        if name.startswith(_PASSED_ON):
            words += ["--env", f"{name}={value}"]
    # The repository belongs to the user outside, whom git inside does not know.
    words += ["--env", "GIT_CONFIG_COUNT=1", "--env", "GIT_CONFIG_KEY_0=safe.directory", "--env", "GIT_CONFIG_VALUE_0=*"]
    return [*words, image, "bash", "tests/sanity.sh", step]


def main() -> int:
    lab = this_lab()
    lab.prepare()
    machine = apt.read_machine()
    engine.ensure(lab, machine)
    image = build.ensure("sanity", _DOCKERFILE, arguments={"BASE": base.ensure(lab, machine, _SUITE)})
    return subprocess.run(command(image, lab.root, sys.argv[1]), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
