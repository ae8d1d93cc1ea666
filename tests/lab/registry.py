# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's image registry: TLS by the lab's CA on the bridge, a loopback port for the machine's own engine."""

from __future__ import annotations

import json
from typing import Any

from . import containers, trust, web
from .containers import Container, File
from .errors import LabError
from .network import Bridge
from .paths import Lab
from .shell import run, wait

PORT = 5000
_CONFIG = """version: 0.1
log: {level: info}
storage:
  filesystem: {rootdirectory: /srv/registry}
  delete: {enabled: true}
http:
  addr: ":5000"
  tls: {certificate: /etc/lab/registry.crt, key: /etc/lab/registry.key}
"""

_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


def host(lab: Lab) -> str:
    """Name and port by which hosts know the registry."""
    return f"registry.{lab.name}.test:{PORT}"


def ensure(lab: Lab, bridge: Bridge, image: str) -> None:
    """Leave with the registry answering; its data lives in a volume and survives `stop` and `start`."""
    name = host(lab).split(":", maxsplit=1)[0]
    pair = trust.server(lab, "registry", [name, lab.called("registry")], bridge.address("registry"))
    containers.ensure(
        lab,
        bridge,
        Container(
            kind="registry",
            name=lab.called("registry"),
            image=image,
            address=bridge.address("registry"),
            arguments=("--publish", f"127.0.0.1::{PORT}"),
            command=("docker-registry", "serve", "/etc/lab/registry.yml"),
            files=(
                File("/etc/lab/registry.yml", _CONFIG.encode()),
                File("/etc/lab/registry.crt", pair.path.read_bytes()),
                File("/etc/lab/registry.key", pair.key.read_bytes(), 0o600),
            ),
            volumes=((lab.called("registry"), "/srv/registry"),),
        ),
    )
    wait("registry", lambda: answers(lab, bridge), seconds=30)


def answers(lab: Lab, bridge: Bridge) -> bool:
    try:
        return _get(lab, bridge, "").status == 200
    except OSError:
        return False


def stop(lab: Lab) -> None:
    """Take the registry away, as an outage would; its data stays."""
    run(["docker", "stop", "--time", "2", lab.called("registry")])


def start(lab: Lab, bridge: Bridge) -> None:
    run(["docker", "start", lab.called("registry")])
    wait("registry", lambda: answers(lab, bridge), seconds=30)


def local(lab: Lab) -> str:
    """``127.0.0.1:<port>``: the same registry for the machine's engine, which trusts loopback without a certificate."""
    done = run(["docker", "port", lab.called("registry"), f"{PORT}/tcp"], check=False)
    if done.returncode != 0 or not done.stdout.strip():
        raise LabError("the registry does not run: run `up` first")
    return done.stdout.split()[0]


def digest(lab: Lab, bridge: Bridge, repository: str, tag: str) -> str | None:
    """The manifest digest a tag points to, None where it is unknown. ``repository`` has no host in it."""
    answer = _get(lab, bridge, f"{repository}/manifests/{tag}", head=True)
    return answer.headers["docker-content-digest"] if answer.status == 200 else None


def config_digest(lab: Lab, bridge: Bridge, repository: str, manifest: str) -> str | None:
    """The image id behind a manifest digest; None for an index of several platforms."""
    document: dict[str, Any] = json.loads(_get(lab, bridge, f"{repository}/manifests/{manifest}").body)
    identity: str | None = document.get("config", {}).get("digest")
    return identity


def push(lab: Lab, bridge: Bridge, image: str, repository: str, tag: str) -> str:
    """Push a local image as ``repository:tag``; returns ``<host>/<repository>@<digest>``."""
    target = f"{local(lab)}/{repository}:{tag}"
    run(["docker", "tag", image, target])
    try:
        run(["docker", "push", "--quiet", target], timeout=300)
    finally:
        run(["docker", "image", "rm", "--no-prune", target])
    pushed = digest(lab, bridge, repository, tag)
    if not pushed:
        raise LabError(f"{repository}:{tag} was pushed, but the registry does not know it")
    return f"{host(lab)}/{repository}@{pushed}"


def tags(lab: Lab, bridge: Bridge) -> dict[str, list[str]]:
    """Every repository with its tags."""
    names = json.loads(_get(lab, bridge, "_catalog?n=1000").body)["repositories"]
    return {name: sorted(json.loads(_get(lab, bridge, f"{name}/tags/list").body).get("tags") or []) for name in names}


def _get(lab: Lab, bridge: Bridge, path: str, *, head: bool = False) -> web.Answer:
    url = f"https://{bridge.address('registry')}:{PORT}/v2/{path}"
    return web.get(url, authority=trust.authority(lab).path, headers={"Accept": ", ".join(_MANIFESTS)}, head=head)
