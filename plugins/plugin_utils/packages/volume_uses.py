# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``runtime.yml`` says of a volume: its class, and how it is saved and brought forward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...module_utils.common.names import is_name
from ..parsing import schema
from ..parsing.report import Report
from ..parsing.schema import Field, one_of, record, text

CLASSES = ("data", "monotonic", "secret", "cache")
_SAVED = ("data", "monotonic")
# A dump is made while the node runs, in its container or in one beside it; a watermark is set while it is down.
FORMS = {"backup": ("exec", "run"), "watermark": ("run",)}

_class = one_of(*CLASSES)
_name = text(is_name, "a name ([a-z0-9][a-z0-9-]{0,62})")
_USE = record({
    "class": Field(_class, required=True),
    "live": Field(schema.boolean, default=lambda: False),
    "backup": Field(_name),
    "watermark": Field(_name),
})  # fmt: skip


def volume_use(value: Any, path: str, report: Report) -> Any:
    """A class alone stays a text: what was installed before there was more to say is not to change."""
    if not isinstance(value, Mapping):
        return _class(value, path, report)
    checked = _USE(value, path, report)
    if not checked:
        return checked
    said = {name: one for name, one in checked.items() if one}
    return said if set(said) != {"class"} else said["class"]


def check_uses(volumes: Mapping[str, Any], commands: Mapping[str, Any] | None, rule: str, report: Report) -> None:
    """What a use says of the rest of the file. ``commands``: ``None`` where they are wrong in themselves."""
    for name, use in volumes.items():
        if not isinstance(use, Mapping):
            continue
        path = f"volumes.{name}"
        if use.get("class") not in _SAVED:
            report.add(rule, path, f"is of the class {use.get('class')}, which is not saved", "Write the class alone.")
        if use.get("watermark") and use.get("class") != "monotonic":
            report.add(rule, f"{path}.watermark", "is for what is monotonic: nothing else has to be brought forward", "Take it away.")
        for field, forms in FORMS.items():
            given = use.get(field)
            command = (commands or {}).get(given) if given else None
            if given and commands is not None and command is None:
                report.add(rule, f"{path}.{field}", f"{given} is not one of the commands")
            if command and command["run"] not in forms:
                report.add(rule, f"{path}.{field}", f"{given} runs as {command['run']}, and has to run as {' or '.join(forms)}")
            if command and (command["chain"] or command["needs"]):
                report.add(rule, f"{path}.{field}", f"{given} needs keys or acts on the chain, which nobody asked for", "Name another one.")
