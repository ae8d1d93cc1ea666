# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges an instance that is to run, before anything on the host is touched: resolved by Compose, shaped by the policy, held against what
is there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..common.errors import HostError
from ..common.findings import Finding, errors_of
from ..common.spec import Compose as ComposePlace
from ..common.spec import InstanceSpec
from ..conflicts import existing, host_limits, taken
from ..conflicts.host_paths import links, outside
from ..conflicts.shared_names import check_names, residents
from ..conflicts.subnets import check_subnets, in_the_way
from ..conflicts.versions import recorded_images, version_problems
from ..docker.compose import Compose
from ..docker.containers import Container
from ..docker.engine import Engine
from ..docker.images import ImageKeeper, Images, asked_platforms
from ..docker.model import Model, services
from ..docker.names import project
from ..docker.references import floats
from ..instance.identity import Seen, identify
from ..instance.state import NONE, State
from ..instance.store import InstanceStore, Store
from ..policy.exceptions import grants
from ..policy.image_labels import judge_image_labels
from ..policy.image_settings import judge_image_settings
from ..policy.mounts import Layout, folders_of
from ..policy.pipeline import HostRules, Shaped, shape
from ..policy.unnamed_volumes import judge_image_volumes
from ..system import files, resources
from ..system.scratch import Scratch, require_tree, unpack
from ..system.trees import tree_digest, tree_files
from . import recorded
from .job import Job
from .resolve import resolve


@dataclass(frozen=True)
class Surroundings:
    """What all instances of a call share. ``values``: instance -> secret name -> value; ``resources`` of the data folder."""

    store: Store
    engine: Engine
    images: ImageKeeper
    scratch: Scratch
    host: taken.Host
    resources: resources.Resources
    host_key: bytes
    check: bool
    trees: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """An instance that was resolved and judged; its images may still be missing. ``as_committed``: nothing of it was changed since it
    was committed; ``recorded``: it is started as it was made, for rules of today would refuse it."""

    spec: InstanceSpec
    files: InstanceStore
    state: State | None
    before: Sequence[Container]
    tree: str
    shaped: Shaped
    images: Images
    memory: int
    values: Mapping[str, str] = field(repr=False)
    identities: Mapping[str, str]
    findings: tuple[Finding, ...]
    as_committed: bool = False
    recorded: bool = False


def draft(around: Surroundings, job: Job) -> Draft:
    """Resolve and judge. Raises ``HostError`` where that cannot even be done; findings of severity error are the caller's to act on."""
    installed = job.state is not None and job.state.installed
    known = [
        *version_problems(job.spec, job.state, job.upgrade),
        *resources.check(job.id, job.spec.requirements, around.resources, installed),
    ]
    try:
        item = _judged(_resolved(around, job), around)
    except HostError as error:
        kept = _as_recorded(around, job, error.findings)
        if kept is None:
            raise HostError(error.message, [*known, *error.findings]) from None
        item = kept
    else:
        item = _as_recorded(around, job, [*item.shaped.findings, *item.images.findings]) or item
    return replace(item, findings=(*known, *item.findings))


def _as_recorded(around: Surroundings, job: Job, judged: Iterable[Finding]) -> Draft | None:
    """An instance that rules of today would refuse, as it was committed; ``None`` where it was changed since, or where something else is
    wrong than rules that judge packages."""
    spec, state, own = job.spec, job.state, around.store.instance(job.id)
    problems = errors_of(judged)
    identities, values = _secrets(around, job, own)
    if state is None or not recorded.may_stay(problems) or not _stays(around, job, identities):
        return None
    shaped, tree = recorded.shaped_as_made(own, state), os.path.join(own.current, "tree")
    if shaped is None or tree_digest(tree) != spec.package.tree_sha256:
        return None
    memory = state.memory_default or resources.default_memory(around.resources)
    images = recorded.lenient(_found_images(around, job, shaped))
    findings = (*recorded.lowered(problems), *images.findings)
    item = Draft(spec, own, state, job.containers, tree, shaped, images, memory, values, identities, findings, True, True)
    return _judged(item, around)


def _stays(around: Surroundings, job: Job, identities: Mapping[str, str]) -> bool:
    """Whether nothing of it was changed, and the operator does not ask for the rules of this release."""
    return recorded.standing(job.spec, job.state, identities, around.store.instance(job.id)) and not around.settings.get("renew")


def _secrets(around: Surroundings, job: Job, own: InstanceStore) -> tuple[dict[str, str], dict[str, str]]:
    """Identities and values of its secrets, as far as they are known."""
    seen, given = Seen.of(own, job.state), around.values.get(job.id, {})
    identities = identify(job.spec.secrets, seen, around.host_key, given)
    return identities, {name: value for name, value in {**seen.stored, **given}.items() if name in job.spec.secrets}


def _resolved(around: Surroundings, job: Job) -> Draft:
    """What the instance is to be, with what the policy says of it."""
    spec, state, own = job.spec, job.state, around.store.instance(job.id)
    tree = _tree(around, spec.package.tree_sha256, own)
    resolved = resolve(spec, tree, own.keys, Compose(around.engine, project(spec.id), os.path.join(tree, spec.compose.dir)))
    memory = (state or NONE).memory_default or resources.default_memory(around.resources)
    rules = HostRules(memory, str(around.settings.get("image_policy") or "tag"), around.resources.processors)
    shaped = shape(spec, resolved, _layout(spec.compose, tree, own), rules)
    identities, values = _secrets(around, job, own)
    images = _found_images(around, job, shaped)
    findings, same = (*shaped.findings, *images.findings), _stays(around, job, identities)
    return Draft(spec, own, state, job.containers, tree, shaped, images, memory, values, identities, findings, same)


def _judged(item: Draft, around: Surroundings) -> Draft:
    """The draft with all that the host has against it."""
    instance, shaped, host, engine = item.spec.id, item.shaped, around.host, around.engine
    wanted = taken.Wanted(instance, shaped.model, shaped.ports, set(item.spec.env.values()))
    findings = [
        *asked_platforms(instance, shaped.resolved.model, engine.platform()),
        *outside(instance, grants(item.spec.exceptions), shaped),
        *links(shaped, item.files),
        *taken.check(wanted, host),
        *host_limits.check(wanted, host, engine, around.volumes),
        *existing.check_networks(instance, shaped.model, host.inspected, host.containers, crossed(around, item, shaped.model)),
        *existing.check_volumes(instance, shaped.model, _present_volumes(around, shaped.model)),
        *check_subnets(instance, shaped.model, host.networks, host.subnets, host.reached),
        *check_names(instance, shaped.model, engine.inspect(residents(shaped.model, host.inspected)), host.containers),
    ]
    return replace(item, findings=(*item.findings, *findings))


def with_images(around: Surroundings, item: Draft) -> Draft:
    """The draft once more, with the images that were pulled since."""
    found = _found_images(around, item, item.shaped)
    found = recorded.lenient(found) if item.recorded else found
    return replace(item, images=replace(found, missing=item.images.missing), findings=(*item.findings, *found.findings))


def follow_the_version(around: Surroundings, item: Draft) -> Draft:
    """An upgrade's draft, with names of images that the installed version has as well, and that name no release, to be asked for anew: what
    is here under such a name may be the old version's."""
    known = (item.state or NONE).images
    moved = [name for name in item.images.lock if floats(name) and name in known and not known[name].startswith("sha256:")]
    images = item.images
    return replace(item, images=replace(images, missing=[*images.missing, *(name for name in moved if name not in images.missing)]))


def _found_images(around: Surroundings, item: Job | Draft, shaped: Shaped) -> Images:
    """The images that are here, judged by what only the image says."""
    # An image that is to be built can be had nowhere, and that it cannot be built here was said.
    known = services(shaped.resolved.model).items()
    built = {name for name, service in known if service.get("build") or not service.get("image")}
    spec, wanted = item.spec, {name: image for name, image in shaped.images.items() if name not in built}
    found = around.images.find(spec.id, wanted, recorded_images(spec.package, item.state))
    folders = {image: config.get("Volumes") or () for image, config in found.configs.items()}
    judged = [*judge_image_labels(spec.id, shaped.model, found.labels), *judge_image_settings(spec.id, shaped.model, found.configs)]
    judged += judge_image_volumes(spec.id, shaped.model, folders)
    return replace(found, findings=[*found.findings, *judged])


def _tree(around: Surroundings, expected: str, own: InstanceStore) -> str:
    """The package's tree in the scratch folder, from this call or from the current release."""
    target = around.scratch.folder(own.id)
    if expected in around.trees:
        unpack(around.trees[expected], target, expected, own.id)
        return target
    source = os.path.join(own.current, "tree")
    if not os.path.isdir(source):
        raise HostError(f"{own.id}: the package's tree was not sent")
    files.copy_tree(source, target)
    require_tree(target, expected, own.id)
    return target


def _layout(where: ComposePlace, tree: str, own: InstanceStore) -> Layout:
    known = tree_files(tree)
    current = own.current
    return Layout(
        tree,
        where.dir,
        os.path.join(current, "tree"),
        own.data,
        own.keys,
        os.path.join(current, "configs"),
        frozenset(known),
        folders_of(known),
        "\n".join(_text(os.path.join(tree, where.dir, name)) for name in where.files),
    )


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as handle:
        return handle.read()


def names_of(model: Mapping[str, Any], section: str) -> list[str]:
    return sorted(entry["name"] for entry in (model.get(section) or {}).values() if not entry.get("external"))


def stale(around: Surroundings, item: Draft, model: Model) -> list[str]:
    """Networks on the host that the instance gives up."""
    kept, own, found = names_of(model, "networks"), project(item.spec.id), around.host.networks
    return [name for name in (item.state or NONE).networks if name not in kept and found.get(name) == own]


def crossed(around: Surroundings, item: Draft, model: Model) -> list[str]:
    """Those of them whose subnet one of its new networks takes."""
    subnets = around.host.subnets
    return in_the_way(item.spec.id, model, {name: subnets.get(name, ()) for name in stale(around, item, model)})


def _present_volumes(around: Surroundings, model: Mapping[str, Any]) -> list[dict[str, Any]]:
    return around.engine.inspect_volumes(name for name in names_of(model, "volumes") if name in around.volumes)
