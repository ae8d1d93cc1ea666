# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image signatures by the lab's cosign key, offline: no transparency log, no public service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import registry, trust
from .network import Bridge
from .paths import Lab
from .shell import run, say

_SIGN = """set -eu
for reference; do cosign sign --key /keys/cosign.key --tlog-upload=false --yes "$reference"; done
"""


def key(lab: Lab, image_of_services: str) -> Path:
    """The public key file; the pair is made on first use, its password is empty."""
    public = lab.cosign / "cosign.pub"
    if not public.exists():
        run([*_cosign(lab), image_of_services, "cosign", "generate-key-pair", "--output-key-prefix", "/keys/cosign"])
    return public


def _cosign(lab: Lab) -> list[str]:
    command = ["docker", "run", "--rm", "--volume", f"{lab.cosign}:/keys", "--env", "COSIGN_PASSWORD="]
    for label, value in lab.labels.items():
        command += ["--label", f"{label}={value}"]
    return command


def sign(lab: Lab, bridge: Bridge, image_of_services: str, references: Sequence[str]) -> None:
    """Sign ``host/repository@sha256:...`` references that have no signature yet."""
    missing = [reference for reference in dict.fromkeys(references) if not signed(lab, bridge, reference)]
    if not missing:
        return
    say(f"images: signing {len(missing)}")
    name = registry.host(lab).split(":", maxsplit=1)[0]
    command = [*_cosign(lab), "--network", bridge.name, "--add-host", f"{name}:{bridge.address('registry')}"]
    command += ["--volume", f"{trust.authority(lab).path}:/ca.crt:ro", "--env", "SSL_CERT_FILE=/ca.crt"]
    run([*command, image_of_services, "sh", "-c", _SIGN, "sign", *missing], timeout=300)


def signed(lab: Lab, bridge: Bridge, reference: str) -> bool:
    """Whether the registry holds a signature, where cosign puts it: the tag ``sha256-<hex>.sig``."""
    repository, digest = reference.split("/", 1)[1].split("@")
    return registry.digest(lab, bridge, repository, f"{digest.replace(':', '-')}.sig") is not None
