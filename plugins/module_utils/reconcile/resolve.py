# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What compose makes of a package with an instance's values: the resolved model."""

from __future__ import annotations

import os
import posixpath
import secrets as randomness
from collections.abc import Mapping
from functools import partial
from typing import Any, Callable

from ..common.errors import HostError
from ..common.spec import InstanceSpec
from ..docker import dotenv, model
from ..docker.compose import Compose
from ..docker.model import Resolved
from ..policy import config_files, key_mounts
from ..policy.ports import no_ports, variables
from ..policy.scale import without_idle
from ..policy.service_names import spoken_of
from ..system.confinement import Cell

_PROBE = "avs-probe.json"


def resolve(spec: InstanceSpec, tree: str, keys: str, compose: Compose) -> Resolved:
    """Put the instance's values into the package's environment files, ask compose, and put the files back.

    ``tree`` is a private copy, two levels deep in a folder of its own. Secrets take part as tokens; key variables get paths below
    ``keys``. Raises ``HostError``.
    """
    mark = randomness.token_hex(8)
    tokens = {name: f"avs{mark}x{number}x" for number, name in enumerate(sorted(spec.secrets))}
    named = {variable: tokens[name] for name, secret in spec.secrets.items() for variable in secret.env}
    values = {**spec.env, **key_mounts.variables(spec.keys, keys), **named}
    wanted = variables(spec)
    expressions = {f"P_{name}": "${" + name + ":-}" for name in wanted}
    expressions.update(config_files.expressions(spec.configs))
    folder = os.path.join(tree, spec.compose.dir)
    env_files = list(spec.compose.env_files or [".env"])
    edited, originals = _environment(folder, env_files, values)
    probe = os.path.join(os.path.dirname(tree), _PROBE)
    try:
        for name, text in edited.items():
            _write(os.path.join(folder, name), text.encode("utf-8", "surrogateescape"))
        _write(probe, model.probe(expressions).encode())
        files = [os.path.join(folder, name) for name in spec.compose.files]
        place = f"{spec.id}: {posixpath.normpath(posixpath.join(spec.compose.dir, spec.compose.files[0]))}"
        cell = Cell(os.path.dirname(tree), os.path.join(os.path.dirname(os.path.dirname(tree)), "room"))
        os.makedirs(cell.room, mode=0o700, exist_ok=True)
        ask = partial(compose.config, [*files, probe], [os.path.join(folder, name) for name in env_files], place=place, cell=cell)
        text, findings = ask(spec.compose.profiles)
        found, probed = model.parse(text)
        inactive = _inactive(spoken_of(spec), found, partial(ask, ["*"]))
    finally:
        for name, content in originals.items():
            path = os.path.join(folder, name)
            if content is not None:
                _write(path, content)
            elif os.path.exists(path):
                os.unlink(path)
    configs, problems = config_files.render(spec.id, spec.configs, partial(_read, folder), probed, tokens)
    ports = {name: probed[f"P_{name}"] for name in wanted}
    findings += [*problems, *no_ports(spec, ports)]
    return without_idle(spec.id, Resolved(found, ports, tokens, configs, findings, inactive))


def _inactive(spoken: set[str], found: model.Model, whole: Callable[[], tuple[str, Any]]) -> frozenset[str]:
    """Services of compose profiles that are not chosen; asked only where somebody speaks of a service (``spoken``) that is not
    there. ``whole``: the model with all profiles."""
    active = model.services(found)
    if spoken <= active.keys():
        return frozenset()
    try:
        everything, _probed = model.parse(whole()[0])
    except HostError:
        # What is not started may lack files or variables; nobody can say then what is in it.
        return frozenset()
    return frozenset(model.services(everything)) - frozenset(active)


def _environment(folder: str, env_files: list[str], values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, bytes | None]]:
    """Environment files with the values in place, and what was there before (``None``: nothing).

    Services of a package that ships an example file read ``.env``, as if a person had copied it.
    """
    originals: dict[str, bytes | None] = {}
    for name in dict.fromkeys([*env_files, ".env"]):
        originals[name] = _read(folder, name)
    texts = {name: (originals[name] or b"").decode("utf-8", "surrogateescape") for name in env_files}
    edited = dotenv.put(texts, values)
    if originals[".env"] is None and ".env" not in edited:
        edited[".env"] = "\n".join(edited.values())
    return edited, originals


def _read(folder: str, name: str) -> bytes | None:
    try:
        with open(os.path.join(folder, name), "rb") as handle:
            return handle.read()
    except FileNotFoundError:
        return None


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as handle:
        handle.write(content)
