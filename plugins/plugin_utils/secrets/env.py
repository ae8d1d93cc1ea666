# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The source ``env``: variables of the environment ``ansible-playbook`` was started with.

A worker takes those that the inventory names out of its environment before it starts anything, so that no program it starts (git, ssh,
a module on the controller) inherits them. What the operator's shell and Ansible itself start before is theirs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from ...module_utils.common.contents import as_text
from ...module_utils.common.findings import Finding
from ...module_utils.common.names import is_variable
from ...module_utils.common.rules import finding
from ..parsing.schema import text
from .base import Problem, Request
from .source import ENCODING, Fields, Find, Reference, Surroundings, Unnumbered, Variable, Wishes, Written, decoded

# Taken away, they would break the programs that workers start; none of them is a secret.
_SETTINGS = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "TERM", "LANG", "TZ", "TMPDIR")
_PREFIXES = ("ANSIBLE_", "LC_", "LD_", "PYTHON", "GIT_", "SSH_", "XDG_")


def _is_secret(name: str) -> bool:
    return is_variable(name) and name not in _SETTINGS and not name.startswith(_PREFIXES)


_VARIABLE = text(_is_secret, "the name of a variable of the environment that holds a secret, like RPC_TOKEN")

# What this process took out of its environment. Workers are forks of their own, so it is one host's.
_taken: dict[str, bytes] = {}


@dataclass(frozen=True)
class EnvRequest(Request):
    """A variable; an ``opaque`` one may hold any bytes, in base64 where ``encoding`` says so."""

    source: ClassVar[str] = "env"

    variable: str
    opaque: bool = False
    encoding: str = ""

    def __str__(self) -> str:
        return f"the variable {self.variable}"


class Env(Unnumbered):
    name = "env"
    about = "a variable of the environment of `ansible-playbook`, on the controller"
    option_fields: ClassVar[Fields] = {"name": Written(_VARIABLE, "variable", "The variable.", required=True)}
    key_fields: ClassVar[Fields] = {
        "variable": Written(_VARIABLE, "variable", "The variable that holds the keystore.", required=True),
        "encoding": ENCODING,
    }

    @classmethod
    def of_option(cls, reference: Reference, owner: str) -> EnvRequest:
        return EnvRequest(reference["name"])

    @classmethod
    def of_key(cls, reference: Reference, owner: str, opaque: bool, line: bool) -> tuple[EnvRequest, None]:
        return EnvRequest(reference["variable"], opaque, reference.get("encoding", "")), None

    @classmethod
    def origin(cls, reference: Reference, find: Find) -> str | None:
        return f"variable {reference['variable']}"

    @classmethod
    def wishes(cls, references: Iterable[Reference], variable: Variable) -> Wishes:
        """One group, the names of variables: whatever host they are for, no worker is to hand them on."""
        return {"": sorted({reference.get("variable") or reference["name"] for reference in references})}

    @classmethod
    def begin(cls, run: Surroundings) -> None:
        for name in run.wishes.get(cls.name, {}).get("", ()):
            value = os.environb.pop(os.fsencode(name), None)
            if value is not None:
                _taken[name] = value

    def value(self, request: EnvRequest) -> str | Problem:
        name = request.variable
        content = _content(name)
        if content is None:
            message = f"the variable {name} is not in the environment of ansible-playbook"
            return Problem(
                "SEC-003", message, f"Export {name} before the run (sudo and execution environments drop what they do not know)."
            )
        if not content.strip():
            return Problem("SEC-003", f"the variable {name} is empty", f"Put the key, password or token into {name}.")
        if request.encoding:
            return decoded(content) or Problem(
                "SEC-003", f"the variable {name} is not base64", "Encode it (base64 FILE), or remove encoding from the key."
            )
        try:
            return as_text(content) if request.opaque else content.decode("utf-8")
        except UnicodeDecodeError:
            return Problem("SEC-003", f"the variable {name} is not UTF-8 text", "Put text into it; kind: file may be bytes, in base64.")

    def warnings(self, request: EnvRequest, place: str) -> list[Finding]:
        message = f"the variable {request.variable} of the controller's environment holds a secret"
        return [finding("SEC-006", place, message)] if _content(request.variable) else []


def _content(name: str) -> bytes | None:
    return _taken.get(name, os.environb.get(os.fsencode(name)))
