# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans an instance that was judged: images by digest, and all that is to be done to have it so."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..common.actions import Action, existence, ordered
from ..common.findings import Finding
from ..common.keystores import has_id, record_of
from ..common.rules import finding
from ..common.spec import Privileges
from ..conflicts import existing
from ..docker.containers import out_of_network
from ..instance import artifacts, key_files
from ..instance.data_folders import Folders, folder_actions, settled_folders, wanted_folders
from ..instance.state import NONE
from ..policy.baseline import waited_for
from ..policy.key_owners import settle_owners
from ..policy.pipeline import Shaped, Wanted, pin
from ..status.ended import jobs_of
from ..system import files
from ..system.trees import tree_digest
from .asked import asked_of_each
from .draft import Draft, Surroundings, crossed, names_of, stale
from .made import Made, as_recorded, made
from .plan import ContainerPlan, networks_of, plan_containers

RELEASE, SECRETS = "release", "secrets"


@dataclass(frozen=True)
class Prepared:
    """All that ``apply`` needs. ``text`` is the compose file, ``variables`` secret name -> variable in it, ``networks`` service -> names
    of its networks on the host, ``jobs`` services that end by themselves.

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
    jobs: frozenset[str]
    containers: ContainerPlan
    networks: Mapping[str, list[str]]
    networks_first: tuple[str, ...]
    networks_last: tuple[str, ...]
    fresh_release: bool
    actions: tuple[Action, ...]
    findings: tuple[Finding, ...]

    @property
    def id(self) -> str:
        return self.draft.spec.id


def prepare(around: Surroundings, item: Draft) -> Prepared:
    """Pin and plan; images are on the host, or missing in check mode."""
    spec, own = item.spec, item.files
    thing, owners = _made(around, item)
    shaped, wanted = thing.shaped, thing.wanted
    blind = [service for service in shaped.views if not os.path.isdir(os.path.join(own.keys, service))]
    networks, joined = names_of(shaped.model, "networks"), networks_of(shaped.model)
    # A container remembers the very network it was made in; one of that name made since is another one.
    lost = set(networks) - set(around.host.networks)
    cut = [
        one.service for one in item.before if out_of_network(one, joined.get(one.service, ())) or lost & set(joined.get(one.service, ()))
    ]
    jobs = frozenset(jobs_of(shaped.health, waited_for(shaped.model)))
    containers = plan_containers(asked_of_each(around, item, thing, jobs), item.before, blind, cut)
    given_up = stale(around, item, shaped.model)
    renewed = sorted(existing.changed_networks(shaped.model, around.host.inspected).values())
    in_the_way = crossed(around, item, shaped.model)
    fresh, state = not thing.kept and _release_differs(item, thing.text), item.state or NONE
    actions = [
        *(Action("image", name, "pull") for name in item.images.missing),
        *_file_actions(around, item, fresh or thing.digest != (state.applying or state.spec_digest)),
        *_key_actions(item, shaped, thing.variables),
        *existence("volume", names_of(shaped.model, "volumes"), around.volumes),
        *existence("network", _used(networks, joined, containers.starting), around.host.networks),
        *(Action("network", name, "remove") for name in given_up),
        *(Action("network", name, "recreate") for name in renewed),
        *containers.actions(),
    ]
    users = [finding("PRIV-003", f"{spec.id}: services.{name}", "runs as root, and the package does not say why") for name in _roots(item)]
    return Prepared(
        item,
        shaped,
        wanted,
        thing.text,
        thing.variables,
        thing.lock,
        thing.digest,
        thing.transform,
        jobs,
        containers,
        joined,
        (*renewed, *in_the_way),
        tuple(name for name in given_up if name not in in_the_way),
        fresh,
        tuple(ordered(actions)),
        (*item.findings, *owners, *users, *_unnamed(item), *thing.findings),
    )


def _made(around: Surroundings, item: Draft) -> tuple[Made, list[Finding]]:
    """What its containers are made of, and what is to be said of the owners of its keys."""
    if item.recorded:
        return as_recorded(item), []
    image_users = {name: item.images.users.get(image, "") for name, image in item.shaped.images.items()}
    views, owners = settle_owners(item.spec.id, item.shaped.views, image_users)
    pinned = pin(replace(item.shaped, views=views), item.images.lock, item.identities, lambda path: _content(item.tree, path))
    return made(item, pinned, bool(around.settings.get("renew"))), owners


def _content(tree: str, path: str) -> str:
    place = os.path.join(tree, path)
    if os.path.isdir(place):
        return tree_digest(place)
    with open(place, "rb") as handle:
        return hashlib.sha256(handle.read()).hexdigest()


def _used(networks: Sequence[str], joined: Mapping[str, Sequence[str]], services: Iterable[str]) -> list[str]:
    """Those that compose makes, where they are not there: of the services it starts."""
    wanted = {name for service in services for name in joined.get(service, ())}
    return [name for name in networks if name in wanted]


def _release_differs(item: Draft, text: str) -> bool:
    own = item.files
    recorded = (item.state or NONE).package
    if own.compose_file() != text or recorded is None or recorded.tree_sha256 != item.spec.package.tree_sha256:
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
    for entry in artifacts.missing(item.files, item.spec.artifacts):
        actions.append(Action("files", f"data/{entry.path}", "update" if artifacts.is_there(item.files, entry) else "create"))
    return actions


def data_folders(item: Draft) -> Folders:
    return wanted_folders(item.spec.directories, {**dict.fromkeys(item.shaped.points.data), **item.shaped.mounted.folders})


def settled_data(item: Draft) -> Folders:
    """Folders of ``data/`` that were made as they are wanted."""
    return settled_folders(item.files.data, data_folders(item), (item.state or NONE).folders)


def _key_actions(item: Draft, shaped: Shaped, variables: Mapping[str, str]) -> list[Action]:
    own = item.files
    stored, held = key_files.held(own)
    present = key_files.views_present(own)
    actions = []
    if not secrets_settled(item, variables):
        actions.append(Action("keys", SECRETS, "update" if os.path.exists(own.secrets_env) else "create"))
    for service, view in shaped.views.items():
        known = all(held.get(entry.secret) == item.identities[entry.secret] for entry in view.values())
        if not known or not key_files.view_in_place(own, service, view, stored):
            actions.append(Action("keys", service, "update" if service in present else "create"))
    actions += [Action("keys", service, "remove") for service in present if service not in shaped.views]
    return actions


def secrets_settled(item: Draft, variables: Mapping[str, str]) -> bool:
    """Whether tmpfs holds these secrets, and ``secrets.env`` says just what the compose file asks for."""
    stored, held = key_files.held(item.files)
    return key_files.secrets_in_place(item.files, item.identities, stored, held) and key_files.env_in_place(item.files, stored, variables)


def _unnamed(item: Draft) -> list[Finding]:
    """Keys that are told from others by their content alone."""
    found = []
    for key in item.spec.keys:
        keystore = item.values.get(key.keystore)
        if keystore is not None and not has_id(record_of(key.kind, keystore)):
            message = f"key {key.name} states no public id: whether it runs elsewhere is told by the content of its file alone"
            found.append(finding("KEY-011", f"{item.spec.id}: keys.{key.name}", message))
    return found


def _roots(item: Draft) -> list[str]:
    """Services that run as root because nobody chose a user."""
    found = []
    for name, service in item.shaped.model["services"].items():
        declared = item.spec.privileges.get(name, Privileges()).user
        user = str(service.get("user") or item.images.users.get(str(service.get("image")), "?"))
        if not declared and user.partition(":")[0] in ("", "0", "root"):
            found.append(name)
    return found
