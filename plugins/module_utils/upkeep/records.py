# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host recorded of the images and releases of its instances: which are needed, and which were, once."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..common.words import COMMITTED
from ..instance import before, plugin_images
from ..instance.state import DamagedError, State
from ..instance.store import InstanceStore, Store
from ..system import deep, files


@dataclass(frozen=True)
class OldRelease:
    """A release no container looks into; ``size`` in bytes, of what goes with it."""

    instance: str
    name: str
    path: str
    size: int


@dataclass
class Once:
    """An image that was used: the ``references`` it was asked for by, and whose it was."""

    references: set[str] = field(default_factory=set)
    instances: set[str] = field(default_factory=set)


@dataclass
class Records:
    """``needed``: names of images that what is installed runs, or would go back to; ``once``: image as it was recorded -> what for;
    ``unreadable``: instances nothing is known of, so that any image may be theirs."""

    needed: set[str] = field(default_factory=set)
    once: dict[str, Once] = field(default_factory=dict)
    releases: list[OldRelease] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def was_used(self, instance: str, images: Mapping[str, str]) -> None:
        """``images``: reference -> the image it led to."""
        for reference, image in images.items():
            once = self.once.setdefault(image, Once())
            once.references.add(reference)
            once.instances.add(instance)


def read_records(store: Store) -> Records:
    found = Records()
    for instance in store.ids():
        own = store.instance(instance)
        try:
            state = own.state()
        except DamagedError:
            found.unreadable.append(instance)
            continue
        if state is not None:
            _read(found, own, state)
        elif own.release_names():
            found.unreadable.append(instance)
    return found


def _read(found: Records, own: InstanceStore, state: State) -> None:
    found.was_used(own.id, {reference: image for image, reference in state.old_images.items()})
    plugins = plugin_images.recorded(own)
    found.was_used(own.id, plugins)
    if not state.installed:
        found.was_used(own.id, state.images)
        return
    found.needed.update(name for pair in [*plugins.items()][-plugin_images.KEPT :] for name in pair)
    old = set(_old_releases(own, state)) if state.phase == COMMITTED else set()
    found.needed.update(state.images, state.images.values(), filter(None, (item.image for item in state.containers.values())))
    for name in own.release_names():
        images = _images_of(own, name)
        if name in old:
            found.was_used(own.id, {image: image for image in images})
            path = os.path.join(own.releases, name)
            found.releases.append(OldRelease(own.id, name, path, sum(_sizes(path))))
        else:
            found.needed.update(images)


def _old_releases(own: InstanceStore, state: State) -> Iterator[str]:
    """Neither the current nor the previous one, nor one a container may have been made in: it still looks into it."""
    kept = {
        own.release(),
        state.release,
        state.previous_release,
        *before.releases(own),
        *(name for one in state.containers.values() for name in one.releases),
    }
    return (name for name in own.release_names() if name not in kept)


def _images_of(own: InstanceStore, release: str) -> Iterable[str]:
    """Images the services of a release run; none where its file cannot be read."""
    try:
        model = files.read_json(os.path.join(own.releases, release, "compose.json"))
        return [str(service["image"]) for service in model["services"].values() if service.get("image")]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []


def _sizes(path: str) -> Iterator[int]:
    """Of the files nobody else has a link to: what two releases share goes with the last of them."""
    for folder, _folders, names in deep.walk(path):
        for name in names:
            try:
                seen = os.lstat(os.path.join(folder, name))
            except OSError:
                continue
            if stat.S_ISREG(seen.st_mode) and seen.st_nlink == 1:
                yield seen.st_size
