# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a source of secrets is: a class of its own, in a file of its own. ``sources.py`` lists them."""

from __future__ import annotations

import abc
import base64
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from ...module_utils.common.contents import as_text
from ...module_utils.common.digests import keyed_digest
from ...module_utils.common.findings import Finding
from ..parsing.schema import Check, Field, one_of
from .base import Need, Problem, Request, without_newline
from .run_folder import RunFolder

Reference = Mapping[str, Any]
Variable = Callable[[str], Any]
# The path of a file on the controller by its name in the inventory, None where there is none.
Find = Callable[[str], str | None]
# Group -> what is wanted of it, as plain JSON. A group is what hosts have to have in common to ask for one another (an address, a login).
Wishes = Mapping[str, Sequence[Any]]
Found = tuple[dict[Need, Any], list[Finding]]


@dataclass(frozen=True)
class Written:
    """A field of an entry: what it may be, and what the documentation says of it."""

    check: Check
    type: str
    about: str
    required: bool = False

    @property
    def field(self) -> Field:
        return Field(self.check, required=self.required)


Fields = Mapping[str, Written]

# Of a key of kind file, whose content may be bytes.
ENCODING = Written(one_of("base64"), "`base64`", "`kind: file`: what is stored there is bytes in base64.")


class Files(Protocol):
    """Files on the controller, see ``ControllerFiles``."""

    def find(self, name: str) -> str | None: ...
    def read(self, path: str) -> bytes: ...
    def exposed(self, path: str) -> tuple[str, str] | None: ...


@dataclass(frozen=True)
class Surroundings:
    """What a source may use of the task that asks it.

    ``variable`` gives the value of one of the host's variables, ``None`` where it is not set. ``task`` tells this task from others of the
    run; ``wishes``: source -> what the hosts of the play want of it, as its class method of that name says.
    """

    variable: Variable
    files: Files
    folder: RunFolder
    task: str
    wishes: Mapping[str, Wishes] = field(default_factory=dict)


class Source(abc.ABC):
    """One place that secrets come from. What the inventory may write is said by the class, values are had from an object."""

    name: ClassVar[str]
    # For the documentation: what it is; by what a host tells whether it holds the value.
    about: ClassVar[str]
    identity: ClassVar[str]
    option_fields: ClassVar[Fields] = {}
    key_fields: ClassVar[Fields] = {}
    # Variables of ours that it reads.
    variables: ClassVar[tuple[str, ...]] = ()
    # The field of a key that says where its password lies, beside ``password``, which every key may have.
    password_field: ClassVar[str] = "password"
    password_remedy: ClassVar[str] = "Say where it is: password: {source: ...}, as for an option."

    def __init__(self, run: Surroundings) -> None:
        self.run = run

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @classmethod
    @abc.abstractmethod
    def of_option(cls, reference: Reference, owner: str) -> Request:
        """The request of a checked reference: an option's, or a key's password. ``owner``: whose it is (``demo-avs-op1 option.rpc-token``)."""

    @classmethod
    @abc.abstractmethod
    def of_key(cls, reference: Reference, owner: str, opaque: bool, line: bool) -> tuple[Request, Request | None]:
        """Requests of a checked key and of its password, where the reference says where that is. ``opaque``: the key may be any bytes;
        ``line``: it becomes the value of a variable."""

    @classmethod
    def origin(cls, reference: Reference, find: Find) -> str | None:
        """The one place a key comes from: the same for two entries that would run one key twice, however each spells it. ``None``: only its
        content tells."""
        return None

    @classmethod
    def wishes(cls, references: Iterable[Reference], variable: Variable) -> Wishes:
        """What one host wants, for others to ask along; ``variable`` as of ``Surroundings``, may raise whatever templates raise."""
        return {}

    @classmethod  # noqa: B027 (most have nothing to do)
    def begin(cls, run: Surroundings) -> None:
        """Called before anything is fetched or asked, whether or not this host wants something."""

    @abc.abstractmethod
    def identify(self, needs: Sequence[Need]) -> Found:
        """The ``ref`` of each need (``{version}`` or ``{nonce, mac}``), and a finding for each that cannot be had."""

    @abc.abstractmethod
    def values(self, needs: Sequence[Need]) -> Found:
        """The values behind references given out before, in the form in which they travel, whatever was written since; a finding for
        each that cannot be had. Raises ``SecretError`` where the source gives nothing at all."""

    def close(self) -> None:  # noqa: B027
        """Nothing more will be asked."""


class Unnumbered(Source):
    """A source without versions: the identity of a value is its MAC under a random nonce of this object. It tells a host that holds the
    value whether it is the same, and nobody else anything."""

    identity = "its MAC under a random number of the run"

    def __init__(self, run: Surroundings) -> None:
        super().__init__(run)
        self._nonce = secrets.token_bytes(16)

    @abc.abstractmethod
    def value(self, request: Any) -> str | Problem:
        """The value in the form in which it travels; asked for several times, read once."""

    def warnings(self, request: Any, place: str) -> list[Finding]:
        return []

    def identify(self, needs: Sequence[Need]) -> Found:
        warnings = [item for need in needs for item in self.warnings(need.request, need.place)]
        values, problems = self.values(needs)
        return {need: mac(self._nonce, value) for need, value in values.items()}, [*warnings, *problems]

    def values(self, needs: Sequence[Need]) -> Found:
        values, problems = parted({need: self.value(need.request) for need in needs})
        return {need: settled(need, value) for need, value in values.items()}, problems


def parted(found: Mapping[Need, Any]) -> Found:
    """What was found, and a finding for each ``Problem``."""
    problems = [item.at(need.place) for need, item in found.items() if isinstance(item, Problem)]
    return {need: item for need, item in found.items() if not isinstance(item, Problem)}, problems


def mac(nonce: bytes, value: str) -> dict[str, str]:
    """``{nonce, mac}``, both hex; the nonce's bytes are the key of the HMAC-SHA-256."""
    return {"nonce": nonce.hex(), "mac": keyed_digest(nonce, value)}


def decoded(text: str | bytes) -> str | None:
    """The bytes written in base64, line breaks or not, in the form in which they travel; ``None`` where it is not that, or nothing."""
    try:
        return as_text(base64.b64decode(b"".join((text.encode() if isinstance(text, str) else text).split()), validate=True)) or None
    except ValueError:
        return None


def settled(need: Need, value: str) -> str:
    """A value as it is meant: the newline at the end of a password or option is no part of it."""
    return without_newline(value) if need.line else value
