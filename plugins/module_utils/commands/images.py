# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image of a package's plugin: resolved once, pulled by its digest, recorded, so that nothing takes it from the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..common.errors import HostError
from ..common.findings import errors_of
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..docker.engine import Engine
from ..docker.images import ImageKeeper
from ..docker.references import reference_problem
from ..instance import plugin_images
from ..instance.store import InstanceStore

_SERVICE = "plugin"


@dataclass(frozen=True)
class Image:
    """``name``: by digest, or the id of one that came from no registry; ``user``: as whom it runs."""

    reference: str
    name: str
    user: str


def plugin_of(spec: InstanceSpec) -> str:
    """The reference of a package's plugin, empty where it has none."""
    return str((spec.plugin or {}).get("image") or "")


def here(engine: Engine, own: InstanceStore, spec: InstanceSpec) -> Image:
    """The plugin's image as it is on the host. Raises ``HostError`` (IMG-006) where it is not."""
    found = _found(ImageKeeper(engine), own, _wanted(own, spec))
    if found is None:
        problem = f"{plugin_of(spec)} is not on this host"
        raise HostError(f"{own.id}: the plugin cannot be run", [finding("IMG-006", f"{own.id}: plugin.image", problem)])
    return found


def ensure(engine: Engine, own: InstanceStore, spec: InstanceSpec) -> Image:
    """The same, pulled where it is missing, and kept from now on. Raises ``HostError`` where it cannot be had."""
    reference = _wanted(own, spec)
    keeper = ImageKeeper(engine)
    found = _found(keeper, own, reference)
    if found is None:
        problems = keeper.pull(own.id, [reference], _recorded(own))
        found = None if errors_of(problems) else _found(keeper, own, reference)
        if found is None:
            raise HostError(f"{own.id}: the image of the plugin cannot be had", problems)
    plugin_images.record(own, reference, found.name)
    return found


def would_pull(engine: Engine, own: InstanceStore, spec: InstanceSpec) -> bool:
    """Whether it would have to be fetched. Raises ``HostError`` where it could not be."""
    reference = _wanted(own, spec)
    keeper = ImageKeeper(engine)
    if _found(keeper, own, reference) is not None:
        return False
    problems = errors_of(keeper.ask(own.id, [reference], _recorded(own)))
    if problems:
        raise HostError(f"{own.id}: the image of the plugin cannot be had", problems)
    return True


def _wanted(own: InstanceStore, spec: InstanceSpec) -> str:
    reference = plugin_of(spec)
    wrong = reference_problem(reference) if reference else "the package has no plugin"
    if wrong:
        raise HostError(f"{own.id}: there is no plugin to be run", [finding("CMD-001", f"{own.id}: plugin.image", wrong)])
    return reference


def _recorded(own: InstanceStore) -> Mapping[str, str]:
    state = own.known()
    return {**(state.images if state is not None else {}), **plugin_images.recorded(own)}


def _found(keeper: ImageKeeper, own: InstanceStore, reference: str) -> Image | None:
    found = keeper.find(own.id, {_SERVICE: reference}, _recorded(own))
    if errors_of(found.findings):
        raise HostError(f"{own.id}: the plugin does not run here", found.findings)
    return Image(reference, found.lock[reference], found.users[reference]) if reference in found.lock else None
