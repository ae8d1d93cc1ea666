# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What hosts told of their instances: one document, and one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...module_utils.common.errors import InputError
from .forms import Sheet, rendered
from .text import NONE, text_table

COLUMNS = ("host", "instance", "version", "commit", "profile", "state", "health", "image", "keys", "detail")
SHORT = 12


def answers(results: Any) -> dict[str, Mapping[str, Any]]:
    """Host -> its result, sorted. Raises ``InputError`` for anything else than a mapping."""
    if not isinstance(results, Mapping):
        raise InputError(f"needs a dictionary of results by host, not a {type(results).__name__}")
    return {
        str(host): result if isinstance(result, Mapping) else {} for host, result in sorted(results.items(), key=lambda item: str(item[0]))
    }


def instances_of(result: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """What a host told of its instances, by their ids; ``None`` where it told nothing."""
    found = result.get("instances")
    if not isinstance(found, Sequence) or isinstance(found, str) or result.get("failed") or result.get("unreachable"):
        return None
    return sorted((item for item in found if isinstance(item, Mapping)), key=lambda item: str(item.get("id", "")))


def document(results: Any) -> dict[str, Any]:
    """``instances``: each as the module instance_info returns it, with its ``host``; ``hosts``: whether each ``answered``, its ``message`` if not."""
    known = answers(results)
    told = {host: instances_of(result) for host, result in known.items()}
    return {
        "instances": [{"host": host, **instance} for host, found in told.items() for instance in found or ()],
        "hosts": [
            {"host": host, "answered": found is not None, "message": "" if found is not None else str(known[host].get("msg") or "no result"),
             "findings": list(known[host].get("findings") or ()) if found is not None else []}
            for host, found in told.items()
        ],
    }  # fmt: skip


def table(results: Any) -> str:
    """One line an instance; commits and digests are cut. Raises ``InputError``."""
    rows = [row for host, result in answers(results).items() for row in _rows(host, result)]
    return text_table(COLUMNS, rows)


def report(results: Any, form: str, query: str) -> str:
    """The fleet in a form. Raises ``InputError``."""
    whole = [_full(host, item) for host, result in answers(results).items() for item in instances_of(result) or ()]
    return rendered(document(results), Sheet(COLUMNS, whole), table(results), form, query)


def _rows(host: str, result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    found = instances_of(result)
    if not found:
        return [(host, "(no result)" if found is None else "(no instances)", *([NONE] * (len(COLUMNS) - 2)))]
    return [_instance(host, item) for item in found]


def _instance(host: str, item: Mapping[str, Any]) -> tuple[str, ...]:
    full = _full(host, item)
    images = ",".join(f"{service}={_digest(image)}" for service, image in sorted((item.get("images") or {}).items()))
    return (*full[:3], full[3][:SHORT], *full[4:7], images or NONE, *full[8:])


def _full(host: str, item: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns, nothing cut."""
    health = item.get("health") or {}
    images, keys = item.get("images") or {}, item.get("keystores") or {}
    return (
        host,
        _text(item.get("id")),
        _text(item.get("version")),
        _text(item.get("commit")),
        _text(item.get("profile")),
        "held" if item.get("hold") else _text(item.get("state")),
        _text(health.get("status") if isinstance(health, Mapping) else health),
        ",".join(f"{service}={_text(image) or NONE}" for service, image in sorted(images.items())),
        ",".join(f"{name}={_text((key or {}).get('fingerprint')) or NONE}" for name, key in sorted(keys.items())),
        "; ".join(filter(None, (_text(health.get("detail") if isinstance(health, Mapping) else None), _backup(item)))),
    )


def _backup(item: Mapping[str, Any]) -> str:
    """What is off with its backups."""
    found = item.get("backup")
    return _text(found.get("problem")) if isinstance(found, Mapping) else ""


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _digest(image: Any) -> str:
    """The first digits of an image's digest, which is all that tells two images apart."""
    _name, at, digest = str(image).partition("@")
    return (digest.partition(":")[2] or digest)[:SHORT] if at else _text(image) or NONE
