# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files compose will read for a profile: within the format's limits, and within the package."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...module_utils.common.findings import WARNING
from ...module_utils.common.names import is_inside
from ..parsing.report import Report
from ..parsing.yaml_file import MAX_BYTES, check_limits, load_documents

MAX_COMPOSE_FILES = 100
# Fields of a service that name files compose reads by itself; what is mounted is judged with the mounts.
_FILE_FIELDS = ("env_file", "label_file")
_REMEDY = "Put the file into the package."


def check_reach(tree: Path, folder: str, compose_files: Sequence[str], report: Report) -> None:
    """PKG-001 for what is too large, too deep or multiplies itself, PKG-018 for what lies outside of the package.

    Follows ``include`` and ``extends`` as far as their paths are plain; what variables lead to is the host's to find, which resolves
    packages where nothing else is.
    """
    waiting = [posixpath.normpath(posixpath.join(folder, name)) for name in compose_files]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen or not (tree / path).is_file():
            continue
        seen.add(path)
        if len(seen) > MAX_COMPOSE_FILES:
            report.add("PKG-001", path, f"is one of more than {MAX_COMPOSE_FILES} compose files")
            return
        waiting += _check_file(tree, path, report)


def _check_file(tree: Path, path: str, report: Report) -> list[str]:
    """Looks at one file, and returns the compose files it names."""
    data = (tree / path).read_bytes()
    own = Report(path)
    check_limits(data, own)
    if own.findings:
        report.findings += own.findings
        return []
    # What else is wrong with it, compose says.
    documents = load_documents(data, Report(path))
    followed = []
    named = (found for document in documents for found in _named(document if isinstance(document, Mapping) else {}))
    for field, name, required, more in named:
        if "$" in name:
            continue
        place = f"{path}: {field}"
        inside = _inside(path, name)
        if inside is None:
            message = f"{name} is not a file of the package, which is all that is read when it is resolved on a host"
            report.add("PKG-018", place, message, _REMEDY, severity=None if required else WARNING)
        elif more:
            followed.append(inside)
        elif (tree / inside).is_file() and (tree / inside).stat().st_size > MAX_BYTES:
            report.add("PKG-001", place, f"{name} is larger than {MAX_BYTES} bytes")
    return followed


def _inside(path: str, name: str) -> str | None:
    """A name in the file ``path`` as a path in the tree, ``None`` where it leads out of it (or to another machine)."""
    if ":" in name or name.startswith(("/", "~")):
        return None
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
    return joined if is_inside(joined) else None


def _named(document: Mapping[str, Any]) -> Iterator[tuple[str, str, bool, bool]]:
    """Files a compose file names: field, path as written, whether it must be there, whether it is a compose file."""
    for item in _list(document.get("include")):
        entry = item if isinstance(item, Mapping) else {"path": item}
        for field, more in (("path", True), ("env_file", False)):
            for name in _list(entry.get(field)):
                if isinstance(name, str):
                    yield "include", name, True, more
    services = document.get("services")
    for service, settings in services.items() if isinstance(services, Mapping) else ():
        if not isinstance(settings, Mapping):
            continue
        place = f"services.{service}"
        extends = settings.get("extends")
        if isinstance(extends, Mapping) and isinstance(extends.get("file"), str):
            yield f"{place}.extends.file", extends["file"], True, True
        for field in _FILE_FIELDS:
            for item in _list(settings.get(field)):
                entry = item if isinstance(item, Mapping) else {"path": item}
                if isinstance(entry.get("path"), str):
                    yield f"{place}.{field}", entry["path"], entry.get("required") is not False, False


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
