# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values an operator gives the options of a profile."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...module_utils.common.findings import Finding
from ...module_utils.common.rules import finding
from ..parsing.plain import plain
from ..parsing.report import did_you_mean, shown
from ..secrets.base import SecretValue, without_newline
from .option_types import Invalid, check_value
from .options import Option, _raw
from .renames import carry

if TYPE_CHECKING:
    from .profile import Profile

_MASK = "(hidden, not shown)"


@dataclass(frozen=True)
class Resolved:
    """``env``: target -> text, literal values only. ``secrets``: option name -> ``SecretValue`` or the secret reference as given.
    ``written``: option name -> the older name its value was given under."""

    env: Mapping[str, str]
    secrets: Mapping[str, SecretValue | Mapping[str, Any]]
    findings: tuple[Finding, ...]
    written: Mapping[str, str] = field(default_factory=dict)


def resolve_options(
    profile: Profile, values: Mapping[str, object], place: str = "", keyed: Mapping[str, str] | None = None, encrypted: Container[str] = ()
) -> Resolved:
    """Values for a profile's variables: the operator's, else the option's default, else what the package's ``.env`` says.

    ``values``: option name, also an older one (``renames``) -> value or secret reference (``{source: ...}``); ``None`` counts as not given.
    ``place``: where they were written (``avs_instances[0]``). Every problem is a finding, nothing is raised; hidden values are never shown.
    ``keyed``: variable -> the key that fills it instead of an option; ``encrypted``: options whose values Ansible Vault encrypts.
    """
    where = f"{place}.options" if place else "options"
    known = {option.name: option for option in profile.options}
    carried = carry(profile.runtime.renames, values, where)
    values, written, findings = carried.values, carried.written, list(carried.findings)
    findings += [_unknown(name, known, where) for name in values if name not in known]
    env: dict[str, str] = {}
    secrets: dict[str, SecretValue | Mapping[str, Any]] = {}
    given_targets = {option.target for option in profile.options if values.get(option.name) is not None}
    for option in profile.options:
        spot = f"{where}.{written.get(option.name, option.name)}"
        given = values.get(option.name)
        if option.target in (keyed or {}):
            env.pop(option.target, None)
            findings += [_filled_twice(spot, option, (keyed or {})[option.target])] if given is not None else []
            continue
        if given is None:
            missing = _fill_default(option, profile.env_values, env, given_targets, spot)
            if missing is not None:
                findings.append(missing)
            continue
        if isinstance(given, Mapping):
            if isinstance(given.get("source"), str):
                secrets[option.name] = plain(given)
            else:
                findings.append(
                    finding(
                        "OPT-001",
                        spot,
                        "is neither a value nor a secret reference",
                        "Write a value, or {source: vault, path: ..., field: ...}.",
                    )
                )
            continue
        if option.hidden and isinstance(given, str):
            given = without_newline(given)
        try:
            checked = check_value(option.type, given, option.validate)
        except Invalid as error:
            value = _MASK if option.hidden else shown(_raw(given))
            findings.append(finding("OPT-001", spot, f"{value} {error}", error.remedy or f"Set {spot} to a value of type {option.type}."))
            continue
        if option.hidden:
            secrets[option.name] = SecretValue(checked.text)
            if written.get(option.name, option.name) not in encrypted:
                findings.append(finding("SEC-004", spot, "a hidden option's value stands in the inventory in clear"))
        else:
            env[option.target] = checked.text
    for option in profile.options:
        if option.name in secrets:
            env.pop(option.target, None)
    return Resolved(env, secrets, tuple(findings), written)


def _filled_twice(spot: str, option: Option, key: str) -> Finding:
    return finding("INV-001", spot, f"{option.target} is filled by key {key} already", "Remove the option, or the key's field.")


def check_secret(option: Option, value: str, spot: str) -> list[Finding]:
    """What is wrong with the value a secret reference led to, without the value; it obeys the rules of one written in clear."""
    try:
        check_value(option.type, value, option.validate)
    except Invalid as error:
        remedy = error.remedy or f"Store a value of type {option.type} there."
        return [finding("OPT-001", spot, f"the value behind the reference {error}", remedy)]
    return []


def _unknown(name: str, known: Mapping[str, Option], where: str) -> Finding:
    options = ", ".join(known) or "none"
    return finding(
        "OPT-003",
        f"{where}.{name}",
        f"the profile has no such option{did_you_mean(name, known)}",
        f"Use one of the profile's options: {options}.",
    )


def _fill_default(option: Option, env_values: Mapping[str, str], env: dict[str, str], given_targets: set[str], spot: str) -> Finding | None:
    """Put the default into ``env`` unless another option with this target was given a value; a finding where nothing supplies one."""
    if option.default_text is not None:
        if option.target not in given_targets:
            env[option.target] = option.default_text
        return None
    if option.hidden:
        return finding("OPT-002", spot, "a value is required (hidden option)", f"Set {spot} to a secret reference, see docs/secrets.md.")
    if option.target in given_targets or option.target in env or env_values.get(option.target):
        return None
    return finding("OPT-002", spot, f"a value is required (type {option.type}: {option.help.strip()[:100]})", f"Set {spot}.")
