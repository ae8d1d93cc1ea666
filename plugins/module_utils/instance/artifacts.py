# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Big files a package names by digest: downloaded once a host, resumed where a run was cut, linked into ``data/``."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..common.errors import HostError
from ..common.rules import finding
from ..system import files
from .store import InstanceStore, Store

_PARTIAL = ".partial"
_CHUNK = 1 << 20
_TIMEOUT = 60


def missing(store: Store, instance: InstanceStore, spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Artifacts that are not in their place yet."""
    return [item for item in spec.get("artifacts") or () if not _in_place(store, instance, item)]


def fetch(store: Store, items: Iterable[Mapping[str, Any]], instance: str) -> None:
    """Download what the host does not have. Raises ``HostError`` naming every artifact that cannot be had."""
    problems = []
    for item in items:
        path = os.path.join(store.artifacts, item["sha256"])
        if os.path.exists(path):
            continue
        try:
            _download(item, path)
        except _Refused as error:
            place = f"{instance}: artifacts.{item['path']}"
            problems.append(finding("PKG-013", place, f"{item['url']}: {error}", "Check the address, and the host's access to it."))
    if problems:
        raise HostError("artifacts cannot be had", problems)


def place(store: Store, instance: InstanceStore, items: Iterable[Mapping[str, Any]]) -> None:
    """Link fetched artifacts into the instance's data."""
    for item in items:
        folder, name = os.path.split(os.path.normpath(item["path"]))
        temporary = f".{name}{files.TEMPORARY}"
        handle = files.inside(instance.data, folder or ".")
        try:
            if os.path.lexists(f"/proc/self/fd/{handle}/{temporary}"):
                os.unlink(temporary, dir_fd=handle)
            os.link(os.path.join(store.artifacts, item["sha256"]), temporary, dst_dir_fd=handle)
            os.rename(temporary, name, src_dir_fd=handle, dst_dir_fd=handle)
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep(store: Store) -> None:
    """Remove parts of downloads nobody goes on with, and artifacts no instance links any more."""
    if os.path.isdir(store.artifacts):
        for name in os.listdir(store.artifacts):
            path = os.path.join(store.artifacts, name)
            if name.endswith(_PARTIAL) or os.stat(path).st_nlink == 1:
                files.remove(path)


def _in_place(store: Store, instance: InstanceStore, item: Mapping[str, Any]) -> bool:
    try:
        return os.path.samefile(os.path.join(store.artifacts, item["sha256"]), os.path.join(instance.data, item["path"]))
    except OSError:
        return False


class _Refused(Exception):
    """Why a download is of no use."""


def _download(item: Mapping[str, Any], path: str) -> None:
    import http.client
    import urllib.error
    import urllib.request

    files.folder(os.path.dirname(path))
    partial = path + _PARTIAL
    total = hashlib.sha256()
    with open(partial, "ab+") as out:
        out.seek(0)
        for chunk in iter(lambda: out.read(_CHUNK), b""):
            total.update(chunk)
        have = out.tell()
        request = urllib.request.Request(item["url"], headers={"Range": f"bytes={have}-"} if have else {})
        try:
            with urllib.request.build_opener().open(request, timeout=_TIMEOUT) as response:
                if have and response.status != 206:
                    out.truncate(0)
                    total, have = hashlib.sha256(), 0
                for chunk in iter(lambda: response.read(_CHUNK), b""):
                    have += len(chunk)
                    if item.get("size") is not None and have > item["size"]:
                        break
                    total.update(chunk)
                    out.write(chunk)
                else:
                    # What the server still owes of the length it announced: without a look, a cut answer passes for a whole one.
                    announced = response.length is not None
                    if response.length or (not announced and have < (item.get("size") or 0)):
                        raise _Refused(f"broke off after {have} bytes; the next run goes on from there")
        except urllib.error.HTTPError as error:
            if error.code != 416:
                raise _Refused(f"the server answers {error.code} {error.reason}") from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            why = getattr(error, "reason", error)
            raise _Refused(f"cannot be downloaded: {why or type(error).__name__}") from None
        out.flush()
        os.fsync(out.fileno())
    if item.get("size") is not None and have != item["size"]:
        files.remove(partial)
        raise _Refused(f"is {have} bytes or more, not {item['size']}")
    if total.hexdigest() != item["sha256"]:
        files.remove(partial)
        raise _Refused(f"has the digest {total.hexdigest()}, not {item['sha256']}")
    os.chmod(partial, 0o444)
    os.rename(partial, path)
    files.sync_folder(os.path.dirname(path))
