# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The source ``vault``: HashiCorp Vault and OpenBao, KV version 2. Asked by ``vault_client.py``, entered as ``connection.py`` says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import astuple, replace
from typing import Any, ClassVar
from urllib.parse import unquote

from ...module_utils.common.contents import as_text
from ...module_utils.common.errors import SecretError
from ...module_utils.common.names import is_inside
from ..parsing import schema
from ..parsing.schema import text
from .base import Need, Problem
from .connection import VARIABLES, connection
from .run_cache import RunTokens
from .source import ENCODING, Fields, Find, Reference, Surroundings, Variable, Wishes, Written
from .vault_client import VaultSource
from .vault_requests import SecretIdentity, SecretPath, SecretRequest, vault_request
from .versioned import Versioned

_PATH = text(lambda value: is_inside(value.strip("/")) and value.isprintable(), "a path in the store like avs/op1/bls")
_MOUNT = text(lambda value: is_inside(value.strip("/")) and value.isprintable(), "the path a store is mounted at, like secret")
_SECRET = {
    "path": Written(_PATH, "text", "Path of the secret below its mount.", required=True),
    "mount_point": Written(_MOUNT, "text", "Mount of the KV version 2 engine. Default `secret`."),
    "version": Written(
        schema.integer(1, 1 << 31, "the number of a version"),
        "number",
        "A fixed version. By default the newest, so that a rotated secret is brought by the next run.",
    ),
}


class Vault(Versioned):
    name = "vault"
    about = "HashiCorp Vault or OpenBao, KV version 2"
    identity = "the number and time of its version"
    option_fields: ClassVar[Fields] = {**_SECRET, "field": Written(schema.line, "text", "Field that holds the value.", required=True)}
    key_fields: ClassVar[Fields] = {
        **_SECRET,
        "field": Written(schema.line, "text", "Field that holds the keystore. Default `keystore`."),
        "password_field": Written(schema.line, "text", "Field that holds its password. Default `password`."),
        "encoding": ENCODING,
    }
    password_field = "password_field"
    wish = SecretPath

    def __init__(self, run: Surroundings) -> None:
        super().__init__(run)
        self._client: VaultSource | None = None

    @classmethod
    def of_option(cls, reference: Reference, owner: str) -> SecretRequest:
        return vault_request(reference, reference["field"])

    @classmethod
    def of_key(cls, reference: Reference, owner: str, opaque: bool, line: bool) -> tuple[SecretRequest, SecretRequest | None]:
        return (
            vault_request(reference, reference.get("field", "keystore"), reference.get("encoding", "")),
            vault_request(reference, reference.get("password_field", "password")),
        )

    @classmethod
    def origin(cls, reference: Reference, find: Find) -> str | None:
        place = f"{_as_stored(reference.get('mount_point', 'secret'))}/{_as_stored(reference['path'])}"
        return f"{place} field {reference.get('field', 'keystore')}"

    @classmethod
    def wishes(cls, references: Iterable[Reference], variable: Variable) -> Wishes:
        """Digest of the connection -> paths (mount point, path, version)."""
        paths = sorted({vault_request(reference, "").path for reference in references})
        try:
            return {connection(_option(variable)).digest: [list(astuple(path)) for path in paths]} if paths else {}
        except SecretError:
            return {}

    def store(self) -> VaultSource:
        if self._client is None:
            self._client = VaultSource(connection(_option(self.run.variable, self.run)), RunTokens(self.run.folder))
        return self._client

    def wanted(self, request: SecretRequest) -> SecretPath:
        return request.path

    def version_of(self, request: SecretRequest, version: SecretIdentity) -> str:
        return version.as_text(self.store().connection.store, request)

    def read(self, versions: Mapping[Need, SecretIdentity]) -> Mapping[Need, str | Problem]:
        pinned = {
            need: replace(need.request, path=replace(need.request.path, version=version.number)) for need, version in versions.items()
        }
        values = self.store().read(pinned.values())
        return {need: _travelling(values[request], request) for need, request in pinned.items()}

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _as_stored(path: str) -> str:
    """A path as the store sees it: slashes count once, and its address may hold any character as ``%2f``."""
    return re.sub("/+", "/", unquote(path)).strip("/")


def _option(variable: Variable, run: Surroundings | None = None) -> Any:
    """An option of the connection, from the variables that set it; ``ca_cert`` is found as other files are, where there is a run."""

    def get(option: str) -> Any:
        value = next((found for found in map(variable, VARIABLES[option]) if found is not None), None)
        return (run.files.find(str(value)) or value) if run is not None and option == "ca_cert" and value else value

    return get


def _travelling(value: str | Problem, request: SecretRequest) -> str | Problem:
    """A text of the store with a NUL byte in it goes as bytes do."""
    has_nul = isinstance(value, str) and "\0" in value and not request.encoding
    return as_text(str(value).encode("utf-8", "surrogatepass")) if has_nul else value
