# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``--diff`` shows: options and services, before and after. Secrets have names here, never values."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ..common.spec import InstanceSpec
from ..docker.names import LABEL_SPEC
from ..instance.state import NONE
from .prepare import Prepared


def differences(item: Prepared) -> list[dict[str, str]]:
    """Parts that change, each with headers and texts as Ansible shows them."""
    spec = item.draft.files.spec()
    found = []
    before, after = "" if spec is None else _options(spec), _options(item.draft.spec)
    if before != after:
        found.append(_part(f"{item.id}: options", before, after))
    old = _services(item.draft.files.compose_file(), (item.draft.state or NONE).variables)
    new = _services(item.text, item.variables)
    for name in sorted({*old, *new}):
        before, after = old.get(name, ""), new.get(name, "")
        if before != after:
            found.append(_part(f"{item.id}: compose.json {name}", before, after))
    return found


def _part(header: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": header, "after_header": header, "before": before, "after": after}


def _options(spec: InstanceSpec) -> str:
    """One line a variable, secrets by the identity of their version where their store gives one."""
    package = spec.package
    lines = [f"{name}={value}" for name, value in spec.env.items()]
    lines += [f"{name}: {secret.ref.version or '********'}" for name, secret in spec.secrets.items()]
    lines.append(f"package: {package.name} {package.version or '(no version)'}, profile {spec.profile}")
    return "".join(f"{line}\n" for line in sorted(lines))


def _services(text: str | None, variables: Mapping[str, str]) -> dict[str, str]:
    """Section or service -> its text; placeholders are numbered anew with every secret, so names stand for them."""
    if text is None:
        return {}
    numbered = sorted(((variable, name) for name, variable in variables.items()), key=lambda pair: -len(pair[0]))
    for variable, name in numbered:
        text = text.replace("${" + variable + "}", f"<secret {name}>")
    try:
        model = json.loads(text)
    except (ValueError, RecursionError):
        # Not what was written: all of it is shown as new.
        return {}
    for labelled in (*(model.get("services") or {}).values(), *(model.get("networks") or {}).values()):
        # A digest of what is shown here, and of secrets check mode does not know.
        (labelled.get("labels") or {}).pop(LABEL_SPEC, None)
    found = {
        f"services.{name}": json.dumps(service, indent=2, sort_keys=True) + "\n" for name, service in (model.get("services") or {}).items()
    }
    for section in ("networks", "volumes", "configs", "secrets"):
        if model.get(section):
            found[section] = json.dumps(model[section], indent=2, sort_keys=True) + "\n"
    return found
