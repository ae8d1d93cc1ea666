# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the vendor's resolved model to the one that runs: every check and every change, in order. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Callable

from ..common.digests import digest
from ..common.findings import Finding
from ..common.records import plain
from ..common.spec import Condition, Endpoint, InstanceSpec
from ..docker.model import Model, Resolved, dump, named, secrets_in, services, with_services
from ..docker.names import LABEL_SPEC, container_name
from .baseline import apply_baseline, may_end
from .content_configs import judge_content
from .key_mounts import Views, place_keys
from .memory import fit_memory
from .mount_points import Points, mount_points
from .mounts import Layout, Mounted, place_mounts
from .networks import joined, label_networks
from .onlookers import onlookers
from .ports import Published, bind_ports, container_port, published, published_twice
from .processors import fit_processors
from .secrets import confine
from .service_names import service_of, without_absent
from .services import check


@dataclass(frozen=True)
class Shaped:
    """``model`` still names images as the vendor did. ``tied``: service -> services whose container it joins."""

    model: Model
    resolved: Resolved
    mounted: Mounted
    points: Points
    views: Views
    ports: list[Published]
    health: Condition
    metrics: list[Endpoint]
    findings: list[Finding]

    @property
    def images(self) -> dict[str, str]:
        """Service -> image as the vendor names it."""
        return {name: str(service.get("image") or "") for name, service in services(self.model).items()}


@dataclass(frozen=True)
class Wanted:
    """A container as it is to be. ``ends``: done once it exits with 0; ``joins``: services whose namespaces it lives in."""

    name: str
    spec: str
    image: str
    ends: bool
    joins: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "spec": self.spec, "image": self.image, "ends": self.ends}


@dataclass(frozen=True)
class HostRules:
    """What the host and its operator say to every package: ``memory`` in bytes is the limit where nobody sets one, ``processors`` are
    the host's, by number."""

    memory: int
    image_policy: str = "tag"
    processors: Collection[int] = ()


def shape(spec: InstanceSpec, resolved: Resolved, layout: Layout, host: HostRules) -> Shaped:
    """Apply the policy. Findings of severity error end the run; the model is then of no use."""
    findings = [*resolved.findings, *check(spec, resolved.model, host.image_policy, resolved.inactive)]
    keyed = place_keys(spec, without_absent(resolved.model), layout.keys)
    mounted = place_mounts(spec, keyed.model, layout)
    model, secret_findings = confine(spec.id, spec.secrets, mounted.model, resolved.tokens)
    model, port_findings = bind_ports(spec, model, resolved.values)
    model, memory_findings = fit_memory(spec.id, label_networks(apply_baseline(spec, model, host.memory)))
    model, processor_findings = fit_processors(spec.id, model, host.processors)
    points = mount_points(spec.id, spec.artifacts, model, layout)
    secret_findings += onlookers(spec, model, keyed.views, resolved.tokens)
    findings += [*keyed.findings, *mounted.findings, *secret_findings, *port_findings, *memory_findings, *processor_findings]
    findings += [*points.findings, *judge_content(spec, model), *published_twice(spec.id, model)]
    health, metrics = _asked(spec.health, spec.metrics, resolved)
    return Shaped(model, resolved, mounted, points, keyed.views, published(model), health, metrics, findings)


def _asked(health: Condition, metrics: Sequence[Endpoint], resolved: Resolved) -> tuple[Condition, list[Endpoint]]:
    """The gate and the targets to scrape, by service and container port; a target whose service is not there is left out."""
    known = services(resolved.model)
    if health.service:
        health = health.but(service=service_of(health.service, known) or health.service)
    if health.ends:
        health = health.but(ends=sorted({service_of(name, known) or name for name in health.ends}))
    if health.port is not None:
        health = health.but(port=container_port(health.port, resolved.values))
    found = [
        target.but(service=name, port=container_port(target.port, resolved.values))
        for target in metrics
        for name in [service_of(target.service, known)]
        if name
    ]
    return health, [target for target in found if target.port is not None]


def pin(
    shaped: Shaped, lock: Mapping[str, str], identities: Mapping[str, str], content: Callable[[str], str]
) -> tuple[Shaped, dict[str, Wanted]]:
    """Images by digest, and the label that says what each container was made of.

    ``lock``: image as the vendor names it -> digest; ``content``: digest of a file or folder of the package's tree.
    """
    instance = str(shaped.model["name"]).split("-", 1)[1]
    changed, wanted = {}, {}
    for name, service in services(shaped.model).items():
        service = {**service, "image": lock.get(service["image"], service["image"])}
        view = shaped.views.get(name, {})
        used = {*secrets_in(service, shaped.resolved.tokens), *(entry.secret for entry in view.values())}
        shared = {
            section: {use["source"]: (shaped.model.get(section) or {}).get(use["source"]) for use in service.get(section) or ()}
            for section in ("configs", "secrets")
        }
        around = joined(shaped.model, service)
        made_of = digest({
            "service": named(service, shaped.resolved.tokens),
            "shared": named(shared, shaped.resolved.tokens),
            "view": plain(view),
            "secrets": {secret: identities[secret] for secret in used},
            "content": {path: content(path) for path in shaped.mounted.content.get(name, ())},
            "configs": {config: shaped.resolved.configs.get(config) for config in shaped.mounted.configs.get(name, ())},
            **({"joined": around} if around else {}),
        })  # fmt: skip
        changed[name] = {**service, "labels": {**service["labels"], LABEL_SPEC: made_of}}
        wanted[name] = Wanted(container_name(instance, name), made_of, service["image"], may_end(service), joins_of(service))
    return replace(shaped, model=with_services(shaped.model, changed)), wanted


def compose_text(shaped: Shaped) -> str:
    return dump(shaped.model, shaped.resolved.tokens)


def joins_of(service: Mapping[str, Any]) -> tuple[str, ...]:
    """A container that lives in another one's namespaces or volumes is recreated with it."""
    places = [str(service.get(field) or "") for field in ("network_mode", "ipc", "pid")]
    joined = [place.split(":", 1)[1] for place in places if place.startswith("service:")]
    return tuple(sorted({*joined, *(str(origin).partition(":")[0] for origin in service.get("volumes_from") or ())}))
