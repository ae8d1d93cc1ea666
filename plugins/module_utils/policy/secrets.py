# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets in a model: which service may have them, and what stands in their place (rules KEY-003, KEY-004)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..common.findings import INFO, Finding
from ..common.rules import finding
from ..common.spec import Secret
from ..docker.model import Model, secrets_in, services, with_services

# Where a container's own settings are; elsewhere a secret would end up in a name, a path or a label anybody may list.
_VISIBLE = ("command", "entrypoint", "healthcheck")
# What is called so is one, whether or not the package says so.
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|MNEMONIC|PRIVATE_?KEY|API_?KEY|AUTH_?TOKEN)(?:$|_(?!FILE|PATH|DIR))", re.IGNORECASE
)


def confine(instance: str, secrets: Mapping[str, Secret], model: Model, tokens: Mapping[str, str]) -> tuple[Model, list[Finding]]:
    """The model without secrets where they do not belong: a service not named for a secret loses the variable."""
    findings: list[Finding] = []
    wanted = {name: set(secret.services or ()) for name, secret in secrets.items()}
    holders: dict[str, list[str]] = {}
    changed = {}
    for name, service in services(model).items():
        place = f"{instance}: services.{name}"
        environment = {}
        for variable, value in (service.get("environment") or {}).items():
            for secret in secrets_in(variable, tokens):
                message = f"{secret} would become the name of a variable"
                findings.append(finding("PKG-018", f"{place}.environment", message, "Write the variable's name as it is."))
            found = secrets_in(value, tokens)
            refused = [secret for secret in found if wanted.get(secret) and name not in wanted[secret]]
            if refused:
                message = f"{variable} is kept from this service: {refused[0]} is for {', '.join(sorted(wanted[refused[0]]))}"
                findings.append(finding("KEY-004", f"{place}.environment", message, severity=INFO))
                continue
            environment[variable] = value
            for secret in found:
                holders.setdefault(secret, []).append(name)
        service = (
            {**service, "environment": environment}
            if environment
            else {field: value for field, value in service.items() if field != "environment"}
        )
        held = sorted(name for name, value in environment.items() if value and (secrets_in(value, tokens) or _SECRET_NAME.search(name)))
        if held:
            findings.append(finding("KEY-003", f"{place}.environment", f"{', '.join(held)} holds a secret"))
        findings += _elsewhere(place, name, service, wanted, tokens)
        changed[name] = service
    for secret, names in sorted(holders.items()):
        if not wanted.get(secret) and len(set(names)) > 1:
            message = f"{secret} reaches {', '.join(sorted(set(names)))}"
            findings.append(finding("KEY-004", f"{instance}: {secret}", message))
    findings += _in_sections(instance, model, tokens)
    # Blocks that services were made of (YAML anchors) hold secrets again; nothing reads them.
    kept = {section: entries for section, entries in model.items() if not (section.startswith("x-") and secrets_in(entries, tokens))}
    return with_services(kept, changed), findings


def _in_sections(instance: str, model: Model, tokens: Mapping[str, str]) -> list[Finding]:
    """Secrets outside of services: there is no place there that is not written to a disk or listed to everybody."""
    findings = []
    for section, entries in model.items():
        if section == "services" or section.startswith("x-"):
            continue
        for name, entry in entries.items() if isinstance(entries, Mapping) else ((None, entries),):
            for secret in secrets_in([name or "", entry], tokens):
                content = isinstance(entry, Mapping) and secret in secrets_in(entry.get("content"), tokens)
                findings.append(
                    finding(
                        "PKG-018",
                        f"{instance}: {section}" + (f".{name}.content" if content else ""),
                        f"{secret} would be written into the container's files, which lie on a disk"
                        if content
                        else f"{secret} would become part of a name or a setting",
                        "Hand secrets to services by environment or key file.",
                    )
                )
    return findings


def _elsewhere(
    place: str, name: str, service: Mapping[str, Any], wanted: Mapping[str, set[str]], tokens: Mapping[str, str]
) -> list[Finding]:
    findings = []
    for field, value in service.items():
        if field == "environment":
            continue
        for secret in secrets_in(value, tokens):
            if field not in _VISIBLE or (wanted.get(secret) and name not in wanted[secret]):
                findings.append(
                    finding(
                        "PKG-018",
                        f"{place}.{field}",
                        f"{secret} would stand where anybody may list it",
                        "Hand secrets to services by environment or file.",
                    )
                )
            else:
                findings.append(finding("KEY-003", f"{place}.{field}", f"{secret} is part of the {field}"))
    return findings
