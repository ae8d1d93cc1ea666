# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An instance nobody changed since it was committed: what is installed stays as it is, and is started as it was made, though rules of
today would refuse its package. Rules that guard a key, another instance or the host's own state are no less strict for it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ..common.findings import ERROR, WARNING, Finding
from ..common.spec import Condition, InstanceSpec
from ..common.words import APPLYING, COMMITTED
from ..docker.images import Images
from ..docker.model import Model, Resolved, map_texts, services
from ..docker.names import LABEL_SPEC
from ..instance.known_fields import same_spec
from ..instance.state import State
from ..instance.store import InstanceStore
from ..policy.mount_points import Points
from ..policy.mounts import HARMLESS, Mounted, below
from ..policy.pipeline import Shaped
from ..policy.ports import Published

# Rules that judge what a package says, and by which this very instance was found good once: a newer release knows more. All other rules
# judge keys, secrets, other instances, the host or files on it, as they are now: what they refuse is refused.
_PACKAGE = {
    "IMG-001": "how images are named",
    "KEY-002": "how keys are mounted",
    "KEY-003": "where secrets are put",
    "KEY-004": "who sees which secret",
    "NET-001": "which ports are declared",
    "PKG-005": "names",
    "PKG-012": "options nothing reads",
    "PKG-015": "images that are built",
    "PKG-016": "runtime.yml",
    "PKG-018": "what compose makes of it",
    "PKG-019": "mounts, as the package has them; where they lead on this host is judged anew",
    "PKG-020": "settings the engine refuses",
    "PRIV-001": "privileges that are not stated",
    "PRIV-002": "ways out of a container, settings nobody has judged",
    "PRIV-003": "root",
    "UPG-001": "updaters",
}
_VARIABLE = re.compile(r"\$\{(AVS_SECRET_[0-9]+)\}")
_SAID = "it was made under rules of an older release, and is started as it was made; it will be refused at the next change of it"


def standing(spec: InstanceSpec, state: State | None, identities: Mapping[str, str], own: InstanceStore) -> bool:
    """Whether nothing of the instance was changed since it was committed, whatever became of its containers and keys. A run that was cut
    while it brought it up again changed nothing of it."""
    if state is None or not state.spec_digest or not state.containers:
        return False
    cut = state.phase == APPLYING and state.applying == state.spec_digest
    if not cut and state.phase != COMMITTED:
        return False
    return same_spec(spec, identities, state.spec_digest, state.transform, own)


def may_stay(problems: Sequence[Finding]) -> bool:
    """Whether rules that judge packages are all there is against it; ``NET-002`` is asked of the host anew."""
    return any(item.id in _PACKAGE for item in problems) and all(item.id in _PACKAGE or item.id == "NET-002" for item in problems)


def lowered(problems: Iterable[Finding]) -> list[Finding]:
    """Errors of such rules as warnings that say what they mean for it."""
    return [replace(item, severity=WARNING, message=f"{item.message}; {_SAID}") for item in problems if item.id in _PACKAGE]


def lenient(images: Images) -> Images:
    """The same for what an image's own labels say."""
    judged = [item for item in images.findings if item.severity == ERROR and item.id in _PACKAGE]
    return replace(images, findings=[*(item for item in images.findings if item not in judged), *lowered(judged)])


def shaped_as_made(own: InstanceStore, state: State) -> Shaped | None:
    """The model of the committed release and what was recorded with it; ``None`` where that release is not what was committed."""
    text = own.compose_file()
    if text is None or own.release() != state.release:
        return None
    try:
        model: Model = json.loads(text)
        made_of = {name: service["labels"][LABEL_SPEC] for name, service in services(model).items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if made_of != {name: item.spec for name, item in state.containers.items()}:
        return None
    if not set(_VARIABLE.findall(text)) <= set(state.variables.values()):
        return None
    names = {digest: reference for reference, digest in state.images.items()}
    model = map_texts(model, lambda text: text.replace("$$", "$"))
    for service in services(model).values():
        service["image"] = names.get(service["image"], service["image"])
    folders = {path: entry.owner for path, entry in state.folders.items()}
    mounted = Mounted(model, folders=folders, outside=_outside(own, model))
    ports = [Published(item.address, item.port, item.protocol, item.service) for item in state.ports]
    health, views = state.health or Condition(), {service: dict(view) for service, view in state.views.items()}
    resolved = Resolved(model, {}, {}, {}, [])
    return Shaped(model, resolved, mounted, Points(), views, ports, health, list(state.metrics), [])


def _outside(own: InstanceStore, model: Model) -> dict[str, list[str]]:
    """Service -> paths of the host it mounts, which are neither its instance's nor everybody's."""
    found: dict[str, list[str]] = {}
    for name, service in services(model).items():
        for mount in service.get("volumes") or ():
            source = str(mount.get("source") or "")
            inside = any(below(source, root) is not None for root in (own.root, own.run))
            if mount.get("type") == "bind" and not inside and source not in HARMLESS:
                found.setdefault(name, []).append(os.path.normpath(source))
    return found
