# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `up` tells Ansible and the tests about the lab."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from . import keys, registry, services, trust, vault, vm, vm_image
from .hosts import OWN, Host
from .network import Bridge
from .paths import Lab

_MARK = "# SPDX-License-Identifier: GPL-3.0-or-later\n# Written by `python -m tests.lab up`.\n"


def inventory(lab: Lab, bridge: Bridge, fleet: Sequence[Host], *, machine: bool) -> dict[str, Any]:
    """Group ``avs_hosts`` with one entry a host, and ``avs_vm`` with the emulated machine where there is one, ready for ``ansible -i``."""
    options = [f"-o UserKnownHostsFile={shlex.quote(str(keys.known_hosts(lab)))}", "-o StrictHostKeyChecking=yes", "-o IdentitiesOnly=yes"]
    shared = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(keys.operator(lab)),
        "ansible_ssh_common_args": " ".join(options),
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    entries = {
        host.name(lab): {"ansible_host": bridge.host(host.number), "lab_suite": host.suite, "lab_engine": host.engine} for host in fleet
    }
    groups: dict[str, Any] = {"avs_hosts": {"hosts": entries, "vars": shared}}
    if machine:
        # A connection that a power cut left is given up before the machine is back; a login takes its emulated processor seconds.
        patient = {
            "ansible_timeout": 60,
            "ansible_ssh_common_args": " ".join([*options, "-o ServerAliveInterval=10", "-o ServerAliveCountMax=3"]),
        }
        entry = {"ansible_host": bridge.machine, "lab_suite": vm_image.SUITE, "lab_engine": OWN}
        groups["avs_vm"] = {"hosts": {vm.name(lab): entry}, "vars": {**shared, **patient}}
    return groups


def facts(lab: Lab, bridge: Bridge) -> dict[str, Any]:
    """Addresses of everything, no secret value; those are in the 0600 file ``lab_vault_file``."""
    opened = vault.read(lab)
    return {
        "lab_subnet": str(bridge.subnet),
        "lab_registry": registry.host(lab),
        "lab_registry_mirror": f"https://{registry.host(lab)}",
        "lab_ca": str(trust.authority(lab).path),
        "lab_git_url": services.git_url(bridge),
        "lab_tap_url": services.git_url(bridge, "tap.git"),
        "lab_allowed_signers": str(keys.allowed_signers(lab)),
        "lab_artifacts_url": services.artifacts_url(bridge),
        "lab_artifacts_dir": str(lab.artifacts),
        "lab_cosign_public_key": str(lab.cosign / "cosign.pub"),
        "lab_vault_url": opened["url"],
        "lab_vault_tls_url": opened["tls_url"],
        "lab_vault_role_id": opened["role_id"],
        "lab_vault_mount": "secret",
        "lab_vault_file": str(vault.secrets_file(lab)),
    }


def write(lab: Lab, bridge: Bridge, fleet: Sequence[Host], *, machine: bool) -> None:
    """Write ``inventory.yml``, ``apart.yml``, ``vars.yml``, ``known_hosts`` and an ssh configuration under ``.lab``."""
    known = []
    config = []
    places = [(host.name(lab), bridge.host(host.number)) for host in fleet]
    for name, address in [*places, *([(vm.name(lab), bridge.machine)] if machine else [])]:
        kind, key = keys.public(keys.host(lab, name)).split()[:2]
        known.append(f"{name},{address} {kind} {key}\n")
        config.append(
            f'Host {name}\n  HostName {address}\n  User root\n  IdentityFile "{keys.operator(lab)}"\n'
            f'  IdentitiesOnly yes\n  UserKnownHostsFile "{keys.known_hosts(lab)}"\n  StrictHostKeyChecking yes\n'
        )
    _write(keys.known_hosts(lab), "".join(known))
    _write(lab.ssh / "config", "".join(config))
    _dump(lab, "inventory.yml", inventory(lab, bridge, [host for host in fleet if not host.apart], machine=machine))
    _dump(lab, "apart.yml", inventory(lab, bridge, [host for host in fleet if host.apart], machine=False))
    _dump(lab, "vars.yml", facts(lab, bridge))


def _dump(lab: Lab, name: str, value: dict[str, Any]) -> None:
    _write(lab.home / name, _MARK + yaml.safe_dump(value, sort_keys=False, width=160))


def _write(path: Path, text: str) -> None:
    """At once: somebody may be about to read it."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
