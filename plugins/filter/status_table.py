# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of instance_info of many hosts as a table a person can read."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: status_table
author: restaking.avs contributors (@restaking)
version_added: "0.1.0"
short_description: Show what P(restaking.avs.instance_info#module) found on all hosts as a plain text table
description:
  - One line an instance, sorted by host and instance, with the columns host, instance, version, commit, profile, state, health,
    image, keys, and detail, which says why the health is what it is. Commits and image digests are cut to 12 digits.
  - A host without instances, or whose result is missing or failed, has a line that says so.
options:
  _input:
    description: Host name -> registered result of P(restaking.avs.instance_info#module).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Print the fleet
  ansible.builtin.debug:
    msg: "{{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, 'avs_status'))) | restaking.avs.status_table }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The table, lines separated by newlines, columns by two spaces.
  type: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless

COLUMNS = ("host", "instance", "version", "commit", "profile", "state", "health", "image", "keys", "detail")
SHORT = 12
NONE = "-"


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"status_table": status_table}


# Ansible's YAML output breaks long lines at single spaces, and a row of a table is one line.
_UNBROKEN = "\u00a0"


def status_table(results: Any) -> str:
    """The table of ``{host: result}``. Raises ``AnsibleFilterError`` for anything else than a mapping."""
    if not isinstance(results, Mapping):
        raise AnsibleFilterError(f"status_table needs a dictionary of results by host, not a {type(results).__name__}")
    rows: list[tuple[str, ...]] = [COLUMNS]
    for host in sorted(results, key=str):
        # What a package or a container calls itself is not to draw other lines than these.
        cells = [[harmless(" ".join(cell.split())) for cell in row] for row in _rows(str(host), results[host])]
        rows += [(*row[:-1], row[-1].replace(" ", _UNBROKEN)) for row in cells]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _rows(host: str, result: Any) -> list[tuple[str, ...]]:
    instances = result.get("instances") if isinstance(result, Mapping) else None
    if not isinstance(instances, Sequence) or isinstance(instances, str):
        return [_line(host, "(no result)")]
    if not instances:
        return [_line(host, "(no instances)")]
    return [_instance(host, instance) for instance in sorted(instances, key=lambda item: str(item.get("id", "")))]


def _line(host: str, text: str) -> tuple[str, ...]:
    return (host, text, *([NONE] * (len(COLUMNS) - 2)))


def _instance(host: str, instance: Mapping[str, Any]) -> tuple[str, ...]:
    health = instance.get("health") or {}
    images = instance.get("images") or {}
    keys = instance.get("keystores") or {}
    return (
        host,
        _text(instance.get("id")),
        _text(instance.get("version")),
        _text(instance.get("commit"))[:SHORT],
        _text(instance.get("profile")),
        "held" if instance.get("hold") else _text(instance.get("state")),
        _text(health.get("status") if isinstance(health, Mapping) else health),
        ",".join(f"{service}={_digest(image)}" for service, image in sorted(images.items())) or NONE,
        ",".join(f"{name}={_text((key or {}).get('fingerprint'))}" for name, key in sorted(keys.items())) or NONE,
        _text(health.get("detail") if isinstance(health, Mapping) else None),
    )


def _text(value: Any) -> str:
    return NONE if value in (None, "") else str(value)


def _digest(image: Any) -> str:
    """The first digits of an image's digest, which is all that tells two images apart."""
    _name, at, digest = str(image).partition("@")
    return (digest.partition(":")[2] or digest)[:SHORT] if at else _text(image)
