# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges an instance that is to run, and plans it, before anything on the host is touched."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..common.actions import Action, existence, ordered
from ..common.errors import HostError
from ..common.findings import Finding
from ..common.keystores import has_id, record_of
from ..common.rules import finding
from ..common.words import ABSENT
from ..conflicts import existing, taken
from ..conflicts.host_paths import links, outside
from ..conflicts.shared_names import check_names, residents
from ..conflicts.subnets import check_subnets, in_the_way
from ..conflicts.versions import recorded_images, version_problems
from ..docker.compose import Compose
from ..docker.engine import Container, Engine
from ..docker.images import ImageKeeper, Images, asked_platforms
from ..docker.model import Model, services
from ..docker.names import project
from ..instance import artifacts, key_files
from ..instance.data_folders import Folders, folder_actions, settled_folders, wanted_folders
from ..instance.identity import identify, recorded_of
from ..instance.store import InstanceStore, Store
from ..policy.image_labels import judge_image_labels
from ..policy.key_owners import settle_owners
from ..policy.mounts import Layout, folders_of
from ..policy.pipeline import Shaped, Wanted, pin, shape
from ..system import files, resources
from ..system.scratch import Scratch, require_tree, unpack
from ..system.trees import tree_digest, tree_files
from .made import made
from .plan import ContainerPlan, networks_of, out_of_network, plan_containers
from .resolve import resolve

RELEASE, SECRETS = "release", "secrets"


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
    """An instance that was resolved and judged; its images may still be missing."""

    spec: Mapping[str, Any]
    files: InstanceStore
    state: Mapping[str, Any] | None
    before: Sequence[Container]
    tree: str
    shaped: Shaped
    images: Images
    memory: int
    values: Mapping[str, str] = field(repr=False)
    identities: Mapping[str, str]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Prepared:
    """All that ``apply`` needs. ``text`` is the compose file, ``variables`` secret name -> variable in it, ``networks`` service -> names
    of its networks on the host.

    ``networks_first`` go before containers are made: they are made anew, or in the way of one that is. ``networks_last`` are not
    used any more.
    """

    draft: Draft
    shaped: Shaped
    wanted: Mapping[str, Wanted]
    text: str
    variables: Mapping[str, str]
    lock: Mapping[str, str]
    digest: str
    transform: int
    containers: ContainerPlan
    networks: Mapping[str, list[str]]
    networks_first: tuple[str, ...]
    networks_last: tuple[str, ...]
    fresh_release: bool
    actions: tuple[Action, ...]
    findings: tuple[Finding, ...]

    @property
    def id(self) -> str:
        return str(self.draft.spec["id"])


def draft(around: Surroundings, spec: Mapping[str, Any], state: Mapping[str, Any] | None, before: Sequence[Container]) -> Draft:
    """Resolve and judge. Raises ``HostError`` where that cannot even be done; findings of severity error are the caller's to act on."""
    instance = str(spec["id"])
    installed = state is not None and state.get("phase") != ABSENT
    known = [*version_problems(spec, state), *resources.check(instance, spec.get("requirements") or {}, around.resources, installed)]
    try:
        item = _resolved(around, spec, state, before)
    except HostError as error:
        raise HostError(error.message, [*known, *error.findings]) from None
    return replace(item, findings=(*known, *item.findings))


def _resolved(around: Surroundings, spec: Mapping[str, Any], state: Mapping[str, Any] | None, before: Sequence[Container]) -> Draft:
    instance = str(spec["id"])
    own = around.store.instance(instance)
    tree = _tree(around, spec, own)
    compose = Compose(around.engine, project(instance), os.path.join(tree, spec["compose"]["dir"]))
    resolved = resolve(spec, tree, own.keys, compose)
    memory = int((state or {}).get("memory_default") or resources.default_memory(around.resources))
    policy = str(around.settings.get("image_policy") or "tag")
    shaped = shape(spec, resolved, _layout(spec, tree, own), memory, policy, around.resources.processors)
    stored = key_files.stored(own)
    given = around.values.get(instance, {})
    recorded, aliases = recorded_of(state)
    identities = identify(spec["secrets"], recorded, stored, given, around.host_key, key_files.stored_identities(own), aliases)
    images = _found_images(around, spec, state, shaped, _built(resolved.model))
    findings = [
        *shaped.findings,
        *images.findings,
        *asked_platforms(instance, resolved.model, around.engine.platform()),
        *outside(spec, shaped),
        *links(spec, shaped, own),
        *taken.check(instance, shaped.model, shaped.ports, around.host, options=set(spec["env"].values())),
        *existing.check_networks(
            instance, shaped.model, around.host.inspected, around.host.containers, _crossed(around, spec, state, shaped.model)
        ),
        *existing.check_volumes(instance, shaped.model, _present_volumes(around, shaped.model)),
        *check_subnets(instance, shaped.model, around.host.networks, around.host.subnets, around.host.reached),
        *check_names(instance, shaped.model, around.engine.inspect(residents(shaped.model, around.host.inspected)), around.host.containers),
    ]
    values = {name: {**stored, **given}[name] for name in spec["secrets"] if name in given or name in stored}
    return Draft(spec, own, state, before, tree, shaped, images, memory, values, identities, tuple(findings))


def prepare(around: Surroundings, item: Draft) -> Prepared:
    """Pin and plan; images are on the host, or missing in check mode."""
    spec, own, state = item.spec, item.files, item.state or {}
    lock = item.images.lock
    image_users = {name: item.images.users.get(image, "") for name, image in item.shaped.images.items()}
    views, owners = settle_owners(spec, item.shaped.views, image_users)
    pinned = pin(replace(item.shaped, views=views), lock, item.identities, lambda path: _content(item.tree, path))
    thing = made(spec, own, state, *pinned, lock, item.identities, bool(around.settings.get("renew")))
    shaped, wanted = thing.shaped, thing.wanted
    blind = [service for service in shaped.views if not os.path.isdir(os.path.join(own.keys, service))]
    networks, joined = _names(shaped.model, "networks"), networks_of(shaped.model)
    # A container remembers the very network it was made in; one of that name made since is another one.
    lost = set(networks) - set(around.host.networks)
    cut = [
        one.service for one in item.before if out_of_network(one, joined.get(one.service, ())) or lost & set(joined.get(one.service, ()))
    ]
    containers = plan_containers({name: {**one.as_dict(), "joins": one.joins} for name, one in wanted.items()}, item.before, blind, cut)
    stale = _stale(around, spec, state, shaped.model)
    renewed = sorted(existing.changed_networks(shaped.model, around.host.inspected).values())
    crossed = _crossed(around, spec, state, shaped.model)
    fresh = not thing.kept and _release_differs(item, thing.text)
    actions = [
        *(Action("image", name, "pull") for name in item.images.missing),
        *_file_actions(around, item, fresh or thing.digest != state.get("applying", state.get("spec_digest"))),
        *_key_actions(item, shaped, thing.variables),
        *existence("volume", _names(shaped.model, "volumes"), around.volumes),
        *existence("network", networks, around.host.networks),
        *(Action("network", name, "remove") for name in stale),
        *(Action("network", name, "recreate") for name in renewed),
        *containers.actions(),
    ]
    users = [
        finding("PRIV-003", f"{spec['id']}: services.{name}", "runs as root, and the package does not say why") for name in _roots(item)
    ]
    return Prepared(
        item,
        shaped,
        wanted,
        thing.text,
        thing.variables,
        thing.lock,
        thing.digest,
        thing.transform,
        containers,
        joined,
        (*renewed, *crossed),
        tuple(name for name in stale if name not in crossed),
        fresh,
        tuple(ordered(actions)),
        (*item.findings, *owners, *users, *_unnamed(item), *thing.findings),
    )


def with_images(around: Surroundings, item: Draft) -> Draft:
    """The draft once more, with the images that were pulled since."""
    found = _found_images(around, item.spec, item.state, item.shaped, _built(item.shaped.resolved.model))
    return replace(item, images=replace(found, missing=item.images.missing), findings=(*item.findings, *found.findings))


def _built(model: Model) -> set[str]:
    """Services whose image is to be built: it can be had nowhere, and that it cannot be built here was said."""
    return {name for name, service in services(model).items() if service.get("build") or not service.get("image")}


def _found_images(
    around: Surroundings, spec: Mapping[str, Any], state: Mapping[str, Any] | None, shaped: Shaped, built: Collection[str]
) -> Images:
    """The images that are here, judged by what only the image says."""
    wanted = {name: image for name, image in shaped.images.items() if name not in built}
    found = around.images.find(str(spec["id"]), wanted, recorded_images(spec, state))
    return replace(found, findings=[*found.findings, *judge_image_labels(str(spec["id"]), shaped.model, found.labels)])


def _tree(around: Surroundings, spec: Mapping[str, Any], own: InstanceStore) -> str:
    """The package's tree in the scratch folder, from this call or from the current release."""
    expected = spec["package"]["tree_sha256"]
    target = around.scratch.folder(str(spec["id"]))
    if expected in around.trees:
        unpack(around.trees[expected], target, expected, str(spec["id"]))
        return target
    source = os.path.join(own.current, "tree")
    if not os.path.isdir(source):
        raise HostError(f"{spec['id']}: the package's tree was not sent")
    files.copy_tree(source, target)
    require_tree(target, expected, str(spec["id"]))
    return target


def _layout(spec: Mapping[str, Any], tree: str, own: InstanceStore) -> Layout:
    known = tree_files(tree)
    current = own.current
    return Layout(
        tree,
        spec["compose"]["dir"],
        os.path.join(current, "tree"),
        own.data,
        own.keys,
        os.path.join(current, "configs"),
        frozenset(known),
        folders_of(known),
        "\n".join(_text(os.path.join(tree, spec["compose"]["dir"], name)) for name in spec["compose"]["files"]),
    )


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as handle:
        return handle.read()


def _content(tree: str, path: str) -> str:
    place = os.path.join(tree, path)
    if os.path.isdir(place):
        return tree_digest(place)
    with open(place, "rb") as handle:
        return hashlib.sha256(handle.read()).hexdigest()


def _names(model: Mapping[str, Any], section: str) -> list[str]:
    return sorted(entry["name"] for entry in (model.get(section) or {}).values() if not entry.get("external"))


def _stale(around: Surroundings, spec: Mapping[str, Any], state: Mapping[str, Any] | None, model: Model) -> list[str]:
    """Networks on the host that the instance gives up."""
    networks = _names(model, "networks")
    return [
        name
        for name in (state or {}).get("networks") or ()
        if name not in networks and around.host.networks.get(name) == project(spec["id"])
    ]


def _crossed(around: Surroundings, spec: Mapping[str, Any], state: Mapping[str, Any] | None, model: Model) -> list[str]:
    """Those of them whose subnet one of its new networks takes."""
    subnets = around.host.subnets
    given_up = {name: subnets.get(name, ()) for name in _stale(around, spec, state, model)}
    return in_the_way(str(spec["id"]), model, given_up)


def _present_volumes(around: Surroundings, model: Mapping[str, Any]) -> list[dict[str, Any]]:
    return around.engine.inspect_volumes(name for name in _names(model, "volumes") if name in around.volumes)


def _release_differs(item: Draft, text: str) -> bool:
    own = item.files
    if own.compose_file() != text or ((item.state or {}).get("package") or {}).get("tree_sha256") != item.spec["package"]["tree_sha256"]:
        return True
    for name, wanted in item.shaped.resolved.configs.items():
        try:
            if files.read(os.path.join(own.current, "configs", name)) != wanted.encode():
                return True
        except OSError:
            return True
    return False


def _file_actions(around: Surroundings, item: Draft, changed: bool) -> list[Action]:
    actions = []
    if changed:
        actions.append(Action("files", RELEASE, "update" if item.files.release() else "create"))
    actions += folder_actions(item.files.data, data_folders(item), settled_data(item))
    for entry in artifacts.missing(item.files, item.spec):
        actions.append(Action("files", f"data/{entry['path']}", "update" if artifacts.is_there(item.files, entry) else "create"))
    return actions


def data_folders(item: Draft) -> Folders:
    return wanted_folders(item.spec, {**dict.fromkeys(item.shaped.points.data), **item.shaped.mounted.folders})


def settled_data(item: Draft) -> Folders:
    """Folders of ``data/`` that were made as they are wanted."""
    return settled_folders(item.files.data, data_folders(item), item.state)


def _key_actions(item: Draft, shaped: Shaped, variables: Mapping[str, str]) -> list[Action]:
    own = item.files
    held, stored = key_files.stored_identities(own), key_files.stored(own)
    present = key_files.views_present(own)
    actions = []
    if not secrets_settled(item, variables):
        actions.append(Action("keys", SECRETS, "update" if os.path.exists(own.secrets_env) else "create"))
    for service, view in shaped.views.items():
        known = all(held.get(entry["secret"]) == item.identities[entry["secret"]] for entry in view.values())
        if not known or not key_files.view_in_place(own, service, view, stored):
            actions.append(Action("keys", service, "update" if service in present else "create"))
    actions += [Action("keys", service, "remove") for service in present if service not in shaped.views]
    return actions


def secrets_settled(item: Draft, variables: Mapping[str, str]) -> bool:
    """Whether tmpfs holds these secrets, and ``secrets.env`` says just what the compose file asks for."""
    stored = key_files.stored(item.files)
    if not key_files.secrets_in_place(item.files, item.identities, stored):
        return False
    return files.read(item.files.secrets_env) == key_files.env_text(stored, variables).encode()


def _unnamed(item: Draft) -> list[Finding]:
    """Keys that are told from others by their content alone."""
    found = []
    for key in item.spec.get("keys") or ():
        keystore = item.values.get(key["keystore"])
        if keystore is not None and not has_id(record_of(key["kind"], keystore)):
            message = f"key {key['name']} states no public id: whether it runs elsewhere is told by the content of its file alone"
            found.append(finding("KEY-011", f"{item.spec['id']}: keys.{key['name']}", message))
    return found


def _roots(item: Draft) -> list[str]:
    """Services that run as root because nobody chose a user."""
    found = []
    for name, service in item.shaped.model["services"].items():
        declared = ((item.spec.get("privileges") or {}).get(name) or {}).get("user")
        user = str(service.get("user") or item.images.users.get(str(service.get("image")), "?"))
        if not declared and user.partition(":")[0] in ("", "0", "root"):
            found.append(name)
    return found
