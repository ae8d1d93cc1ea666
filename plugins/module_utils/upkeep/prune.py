# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove what nobody needs any more: old releases, unused images. Never a volume, never what somebody else brought to the host."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import Any

from ..common.findings import Finding
from ..docker.engine import Engine
from ..instance.store import Store, cleared, host_store
from ..system.lock import Lock
from .images import OldImage, remove_image, unused_images
from .records import OldRelease, read_records

_LOCK = ".lock"


def prune(engine: Engine, holder: str, timeout: float = 60, check: bool = False, store: Store | None = None) -> dict[str, Any]:
    """``changed``, ``images`` and ``releases`` that went (or would, with ``check``), ``kept`` (image and why), ``bytes`` of all that went
    and ``findings``.

    Raises ``HostError``, and ``LockedError`` where a run works on one of the host's instances for longer than ``timeout`` seconds.
    """
    store = store or host_store()
    with ExitStack() as stack:
        if not check:
            _lock_all(stack, store, holder, timeout)
        records = read_records(store)
        unused = unused_images(engine, records)
        findings: list[Finding] = []
        releases, images = list(records.releases), list(unused.images)
        if not check:
            for release in records.releases:
                findings += cleared([release.path])
            releases = [release for release in releases if not os.path.lexists(release.path)]
            left = {image.id: problem for image in images for problem in [remove_image(engine, image)] if problem is not None}
            findings += left.values()
            images = [image for image in images if image.id not in left]
    return {
        "changed": bool(images or releases),
        "images": [_image(image) for image in images],
        "releases": [_release(release) for release in releases],
        "kept": [{"image": image, "why": why} for image, why in sorted(unused.kept.items())],
        "bytes": sum(image.size for image in images) + sum(release.size for release in releases),
        "findings": [item.as_dict() for item in findings],
    }


def _lock_all(stack: ExitStack, store: Store, holder: str, timeout: float) -> None:
    """Of every instance, those included that a run is just about to make: it may have pulled an image that nobody uses yet."""
    until = time.monotonic() + timeout
    try:
        known = {name for name in os.listdir(store.locks) if name.endswith(_LOCK)}
    except FileNotFoundError:
        known = set()
    for name in sorted(known | {f"{instance}{_LOCK}" for instance in store.ids()}):
        stack.enter_context(Lock(os.path.join(store.locks, name), holder, max(0.0, until - time.monotonic())))


def _image(image: OldImage) -> dict[str, Any]:
    return {"id": image.id, "names": list(image.names), "bytes": image.size, "instances": list(image.instances)}


def _release(release: OldRelease) -> dict[str, Any]:
    return {"instance": release.instance, "release": release.name, "bytes": release.size}
