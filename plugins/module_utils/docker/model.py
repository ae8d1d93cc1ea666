# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resolved compose model: how compose prints it, and how it is handed back.

``docker compose config --format json`` doubles every ``$`` so that its output can be read again; here texts are as the
container will see them, and ``dump`` doubles them once more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Callable

from ..common.findings import Finding

PROBE = "avs-probe"
_DOLLAR = "AVS_DOLLAR"
SECRET_VARIABLE = "AVS_SECRET_"

Model = dict[str, Any]


def probe(expressions: Mapping[str, str]) -> str:
    """A compose file with one more service, whose environment shows what compose makes of the expressions.

    ``parse`` takes it out again; it never runs.
    """
    environment = {_DOLLAR: "$$", **expressions}
    return written_as_json({"services": {PROBE: {"image": PROBE, "network_mode": "none", "environment": environment}}})


def parse(text: str) -> tuple[Model, dict[str, str]]:
    """The model without the probe, and the values of the probe's expressions."""
    model = json.loads(text)
    doubled = model["services"][PROBE]["environment"][_DOLLAR] == "$$"
    if doubled:
        model = map_texts(model, lambda text: text.replace("$$", "$"))
    values = dict(model["services"].pop(PROBE)["environment"])
    values.pop(_DOLLAR)
    return _readable(model), values


def _readable(model: Model) -> Model:
    """As compose would read it: it prints ``Path`` and ``Rate`` for limits on devices, and no content at all for an empty one, and takes
    neither."""
    for service in services(model).values():
        limits = service.get("blkio_config") or {}
        for name, entries in limits.items():
            if isinstance(entries, list):
                limits[name] = [{field.lower(): value for field, value in entry.items()} for entry in entries]
    for config in (model.get("configs") or {}).values():
        if config is not None and not any(config.get(field) for field in ("content", "file", "environment", "external")):
            config["content"] = ""
    return model


def dump(model: Model, tokens: Mapping[str, str]) -> str:
    """The model as compose reads it: ``$`` doubled, secrets as ``${AVS_SECRET_n}``. ``tokens``: secret name -> token."""
    variables = {tokens[name]: "${" + variable + "}" for name, variable in secret_variables(model, tokens).items()}

    def written(text: str) -> str:
        text = text.replace("$", "$$")
        for token, variable in variables.items():
            text = text.replace(token, variable)
        return text

    return written_as_json(map_texts(model, written), indent=2) + "\n"


def written_as_json(value: Any, indent: int | None = None) -> str:
    """JSON that compose can read, whose reader of YAML knows no surrogates: characters beyond U+FFFF stand there as they are. All others
    that are not ASCII are escaped: YAML refuses some, and takes others for line breaks."""
    text = json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False)
    return re.sub("[\x7f-\uffff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def secret_variables(model: Model, tokens: Mapping[str, str]) -> dict[str, str]:
    """Secret name -> variable, for every secret whose token stands in the model."""
    whole = "\n".join(texts(model))
    used = sorted(name for name, token in tokens.items() if token in whole)
    return {name: f"{SECRET_VARIABLE}{number}" for number, name in enumerate(used, 1)}


def named(value: Any, tokens: Mapping[str, str]) -> Any:
    """A copy with secrets shown by name: for digests and for people."""

    def shown(text: str) -> str:
        for name, token in tokens.items():
            if token in text:
                text = text.replace(token, f"<secret {name}>")
        return text

    return map_texts(value, shown)


def secrets_in(value: Any, tokens: Mapping[str, str]) -> list[str]:
    """Names of the secrets whose tokens stand in ``value``, sorted."""
    whole = "\n".join(texts(value))
    return sorted(name for name, token in tokens.items() if token in whole)


def texts(value: Any) -> Iterator[str]:
    """Every text in nested data, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield str(name)
            yield from texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item)


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A copy with ``change`` applied to every text, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(name): map_texts(item, change) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [map_texts(item, change) for item in value]
    return value


def services(model: Model) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = model.get("services") or {}
    return found


def with_services(model: Model, changed: Mapping[str, Mapping[str, Any]]) -> Model:
    return {**model, "services": {name: dict(service) for name, service in changed.items()}}


@dataclass(frozen=True)
class Resolved:
    """``values``: compose variable -> value, for those that name ports; ``configs``: file name -> generated text;
    ``inactive``: services of compose profiles that are not chosen, where somebody speaks of a service that is not there."""

    model: Model
    values: dict[str, str]
    tokens: dict[str, str]
    configs: dict[str, str]
    findings: list[Finding]
    inactive: frozenset[str] = frozenset()
