# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a command of a package came to, and what a package offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Lines of what a command wrote; all of it is in the result.
_LINES = 20


def ran(entry: Mapping[str, Any]) -> list[str]:
    """Lines on what was run, or would be, for an entry of instance_plugin; none for any other."""
    lines = []
    would, output = entry.get("would"), entry.get("output")
    if isinstance(would, Mapping):
        lines += _announced(would)
    if isinstance(output, str) and not entry.get("error"):
        written = [line for line in output.splitlines() if line.strip()]
        lines.append(f"{entry.get('command')} ended with {entry.get('code')} after {entry.get('seconds')} s")
        lines += [f"| {line}" for line in written[-_LINES:]]
    lines += [_offer(one) for one in entry.get("commands") or () if isinstance(one, Mapping)]
    return lines


def _announced(would: Mapping[str, Any]) -> list[str]:
    place = would.get("image") or f"the container {str(would.get('container'))[:12]}"
    user = f" as {would['user']}" if would.get("user") else ""
    lines = [f"would run in {place}{user}, for {would.get('timeout'):g} s at most: {_words(would.get('args'))}"]
    if would.get("container"):
        return lines
    for name in ("networks", "mounts", "keys"):
        lines.append(f"{name}: {', '.join(map(str, would.get(name) or ())) or 'none'}")
    return lines


def _offer(one: Mapping[str, Any]) -> str:
    notes = ["acts on the chain, to be confirmed"] if one.get("chain") else []
    notes += [f"needs {', '.join(map(str, one['needs']))}"] if one.get("needs") else []
    where = one.get("service") if one.get("run") != "plugin" else one.get("image")
    return f"{one.get('name')} ({one.get('run')}, {where}): {_words(one.get('args'))}{' - ' + '; '.join(notes) if notes else ''}"


def _words(args: Any) -> str:
    words: Sequence[Any] = args if isinstance(args, (list, tuple)) else ()
    return " ".join(map(str, words)) or "no arguments"
