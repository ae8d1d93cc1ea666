# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a profile, as it declares them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from ...module_utils.common.findings import WARNING, errors_of
from ...module_utils.common.names import is_variable
from ..parsing.report import Report, did_you_mean, kind_of, path_of, shown
from .option_types import TYPES, Checked, Invalid, check_value, compile_re2

# Keys whose unquoted scalars keep their spelling, so that `default: 1.10` is not 1.1 in the node's configuration.
VERBATIM = frozenset(("default", "min_value", "max_value", "options"))
FIELDS = ("name", "target", "type", "help", "default", "hidden", "validate")

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}\Z")


@dataclass(frozen=True)
class Option:
    """``default`` is a JSON value of the option's type, ``default_text`` what the variable gets; both ``None`` where there is none."""

    name: str
    target: str
    type: str
    help: str
    default: Any = None
    hidden: bool = False
    validate: Mapping[str, Any] = field(default_factory=dict)
    default_text: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {**{name: getattr(self, name) for name in FIELDS}, "validate": dict(self.validate)}


def is_option(text: object) -> bool:
    """What an option may be called."""
    return isinstance(text, str) and _NAME.match(text) is not None


def parse_options(declared: Any, report: Report) -> tuple[Option, ...]:
    """The options of ``profile.yml``; a badly declared one is reported and left out."""
    if declared is None:
        return ()
    if not isinstance(declared, list):
        report.add("PKG-002", "options", f"{shown(declared)} is not a list of options")
        return ()
    options: list[Option] = []
    places: dict[str, str] = {}
    targets: dict[str, str] = {}
    for position, entry in enumerate(declared):
        place = path_of("options", position)
        option = _parse_option(entry, place, report)
        if option is None:
            continue
        if option.name in places:
            report.add(
                "PKG-010",
                f"{place}.name",
                f"{shown(option.name)} is the name of {places[option.name]} too",
                "Give each option a name of its own.",
            )
            continue
        if option.target in targets:
            report.add("PKG-011", f"{place}.target", f"options {targets[option.target]} and {option.name} both set {option.target}")
        places[option.name] = place
        targets[option.target] = option.name
        options.append(option)
    return tuple(options)


def _parse_option(entry: Any, place: str, report: Report) -> Option | None:
    if not isinstance(entry, Mapping):
        report.add("PKG-002", place, f"{shown(entry)} is not an option (a mapping of {', '.join(FIELDS)})")
        return None
    before = len(report.findings)
    for part in ("name", "target", "type", "help"):
        if entry.get(part) in (None, ""):
            report.add("PKG-004", path_of(place, part), "is missing")
        elif not isinstance(entry[part], str):
            report.add("PKG-002", path_of(place, part), f"{shown(entry[part])} is not a text", "Write a text, in quotes.")
    name, target, kind = entry.get("name"), entry.get("target"), entry.get("type")
    if isinstance(name, str) and name and not _NAME.match(name):
        report.add("PKG-010", f"{place}.name", f"{shown(name)} is not a name of letters, digits, dashes, dots and spaces")
    if isinstance(target, str) and target and not is_variable(target):
        report.add("PKG-010", f"{place}.target", f"{shown(target)} is not the name of a variable compose can fill")
    label = f" (option {name})" if isinstance(name, str) else ""
    if isinstance(kind, str) and kind and kind not in TYPES:
        report.add("PKG-010", f"{place}.type", f"{shown(kind)} is not an option type{label}", f"Use one of: {', '.join(TYPES)}.")
    hidden = entry.get("hidden")
    if hidden is not None and not isinstance(hidden, bool):
        report.add("PKG-002", f"{place}.hidden", f"{shown(hidden)} is not true or false{label}")
    validate = _parse_validate(kind, entry.get("validate"), path_of(place, "validate"), report)
    report.unknown_fields(entry, FIELDS, place)
    if kind == "id":
        report.add("PKG-017", f"{place}.type", f"id is an old type{label}; it is read as str", "Use type str.")
    default = _parse_default(entry, validate, place, label, report)
    if errors_of(item for item in report.findings[before:] if item.place != f"{report.file}: {place}.default"):
        return None
    return Option(
        str(name),
        str(target),
        str(kind),
        str(entry["help"]),
        default.value if default else None,
        bool(hidden),
        validate,
        default.text if default else None,
    )


def _parse_default(entry: Mapping[str, Any], validate: Mapping[str, Any], place: str, label: str, report: Report) -> Checked | None:
    given, kind = entry.get("default"), entry.get("type")
    where = f"{place}.default"
    if given is None:
        return None
    if isinstance(given, (Mapping, list)):
        # Not shown: the option may be hidden.
        report.add("PKG-010", where, f"a {kind_of(given)} is not a single value{label}", "Give one value, or none.")
    elif entry.get("hidden"):
        message = "the option is hidden, its default is ignored"
        report.add("PKG-010", where, f"{message}{label}", "Remove the default: a hidden value comes from the operator.", WARNING)
    elif isinstance(kind, str) and kind in TYPES and not report.has_errors(f"{place}.validate"):
        try:
            return check_value(kind, given, validate)
        except Invalid as error:
            remedy = "Give a default the option's own rule accepts, or none."
            report.add("PKG-010", where, f"{shown(_raw(given))} {error}{label}", remedy)
    return None


def _raw(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


def _parse_validate(kind: Any, declared: Any, place: str, report: Report) -> dict[str, Any]:
    """The option's rules in plain form: numbers as int or float, the rest as text. Of an unknown type nothing is known."""
    if declared is None:
        declared = {}
    if not isinstance(declared, Mapping):
        report.add("PKG-010", place, f"{shown(declared)} is not a mapping of rules")
        return {}
    if not isinstance(kind, str) or kind not in TYPES:
        return {}
    rules: dict[str, Any] = {}
    for name, given in declared.items():
        where = path_of(place, name)
        if name not in TYPES[kind].rules:
            known = ", ".join(TYPES[kind].rules) or "none"
            report.add(
                "PKG-003",
                where,
                f"is not a rule of type {kind}{did_you_mean(name, TYPES[kind].rules)}",
                f"Remove it; the rules of this type: {known}.",
            )
        elif given is None:
            continue
        elif name in ("min_value", "max_value"):
            bound = _bound(given)
            if bound is None:
                report.add("PKG-010", where, f"{shown(_raw(given))} is not a number")
            else:
                rules[name] = bound
        elif name in ("uri_scheme", "options"):
            items = given if isinstance(given, list) else [given] if name == "uri_scheme" else None
            if items is None or not isinstance(given, (str, list)):
                report.add("PKG-010", where, f"{shown(given)} is not a list of texts")
                continue
            for position, item in enumerate(items):
                if not isinstance(item, str):
                    report.add("PKG-010", path_of(where, position), f"{shown(item)} is not a text")
            rules[name] = [str(item) for item in items if isinstance(item, str)]
        elif not isinstance(given, str):
            report.add("PKG-010", where, f"{shown(given)} is not a text")
        else:
            rules[name] = str(given)
    if kind == "select" and not rules.get("options") and not isinstance(declared.get("options"), list):
        report.add("PKG-010", path_of(place, "options"), "a select needs the list of its values")
    elif kind == "select" and declared.get("options") == []:
        report.add("PKG-010", path_of(place, "options"), "the list of values is empty")
    if "min_value" in rules and "max_value" in rules and rules["min_value"] > rules["max_value"]:
        report.add("PKG-010", place, f"min_value {rules['min_value']} is larger than max_value {rules['max_value']}")
    if "re2_regex" in rules:
        try:
            compile_re2(rules["re2_regex"])
        except Invalid as error:
            report.add("PKG-010", path_of(place, "re2_regex"), f"{shown(rules['re2_regex'])} {error}", error.remedy)
    return rules


def _bound(given: Any) -> int | float | None:
    if isinstance(given, bool):
        return None
    try:
        number = Decimal(str(given).strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > 300:
        return None
    return (
        int(number) if number == number.to_integral_value() and "." not in str(given) and "e" not in str(given).lower() else float(number)
    )
