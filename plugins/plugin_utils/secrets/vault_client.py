# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HashiCorp Vault and OpenBao, KV version 2, through hvac: versions of secrets, and their values when a host needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ...module_utils.common.errors import SecretError
from . import vault_answers, vault_errors
from .base import Problem, no_text, text_of
from .connection import Connection, Login
from .side_by_side import THREADS, Failed, SideBySide
from .source import decoded
from .vault_requests import SecretIdentity, SecretPath, SecretRequest

if TYPE_CHECKING:
    import hvac

_T = TypeVar("_T")


class Tokens(Protocol):
    """Where the token of an AppRole login is kept for the rest of the run."""

    def current(self, connection: Connection, log_in: Callable[[], Mapping[str, Any]]) -> str:
        """The run's token; ``log_in`` is called where there is none yet, and returns Vault's ``auth`` block."""

    def replaced(self, connection: Connection, dead: str, log_in: Callable[[], Mapping[str, Any]]) -> str:
        """Another token than ``dead``, which the store no longer accepts."""

    def done(self, source: VaultSource) -> None:
        """Called once the source needs its token no more."""


class VaultSource(SideBySide):
    """One store, one login, one session.

    hvac is imported at the first request: a run without such secrets works where it is not installed.
    """

    version = SecretIdentity

    def __init__(self, connection: Connection, tokens: Tokens) -> None:
        self.connection = connection
        self.digest = connection.digest
        self._tokens = tokens
        self._client: hvac.Client | None = None

    def values(self, requests: Iterable[SecretRequest]) -> dict[SecretRequest, str]:
        """The value of each secret. Raises ``SecretError`` naming every secret that cannot be had."""
        found = self.read(requests)
        problems = [item.at(str(request)) for request, item in found.items() if isinstance(item, Problem)]
        if problems:
            raise SecretError("secrets are missing in the secret store", problems)
        return {request: item for request, item in found.items() if isinstance(item, str)}

    def versions(self, paths: Iterable[SecretPath]) -> dict[SecretPath, SecretIdentity | Problem]:
        """The version each path stands for now."""
        return self.each(paths, lambda path: self._asked(path, self._version))

    def read(self, requests: Iterable[SecretRequest]) -> dict[SecretRequest, str | Problem]:
        """Values, each path read once."""
        wanted = sorted(set(requests))
        secrets = self.secrets({request.path for request in wanted})
        found: dict[SecretRequest, str | Problem] = {}
        for request in wanted:
            secret = secrets[request.path]
            found[request] = secret if isinstance(secret, Problem) else _field(request, secret)
        return found

    def secrets(self, paths: Iterable[SecretPath]) -> dict[SecretPath, Mapping[str, Any] | Problem]:
        """Whole secrets: field -> value."""
        return self.each(paths, lambda path: self._asked(path, self._data)[1])

    def revoke(self) -> None:
        """End the token of this source's login; never called for a token the user gave."""
        if self._client is not None and self._client.token:
            self._client.auth.token.revoke_self()

    def close(self) -> None:
        """Let go of the session, and of the token where nobody keeps it for the rest of the run."""
        if self._client is not None:
            self._tokens.done(self)
            self._client.adapter.close()
            self._client = None

    def _asked(self, path: SecretPath, read: Callable[[SecretPath], _T]) -> _T:
        try:
            from hvac import exceptions
            from requests.exceptions import RequestException
        except ImportError as error:
            raise Failed(vault_errors.no_library(error.name), everywhere=True) from None
        try:
            return read(path)
        except exceptions.InvalidPath as error:
            raise Failed(_absent(path, error)) from None
        except exceptions.VaultError as error:
            down = vault_errors.unavailable(self.connection.url, error, self._hidden())
            raise Failed(down or vault_errors.strange(path, error, self._hidden()), everywhere=down is not None) from None
        except vault_answers.Foreign:
            raise Failed(vault_errors.foreign(self.connection.url), everywhere=True) from None
        except (RequestException, OSError) as error:
            raise Failed(vault_errors.unreachable(self.connection.url, error), everywhere=True) from None

    def _version(self, path: SecretPath) -> SecretIdentity:
        try:
            answer = self._permitted(path, "metadata", lambda kv: kv.read_secret_metadata(path=path.path, mount_point=path.mount_point))
        except Failed as failed:
            if failed.problem.rule != "SEC-002" or failed.everywhere:
                raise
            # A policy may hand out the data and keep the metadata to itself; the value is dropped here.
            return self._data(path)[0]
        data = vault_answers.part(answer, "data")
        newest = vault_answers.number(data, "current_version")
        number = path.version or newest
        versions = vault_answers.part(data, "versions") if data.get("versions") else {}
        if versions.get(str(number)) is None:
            raise Failed(vault_errors.no_version(path, newest) if path.version else vault_errors.missing(path))
        version = vault_answers.part(versions, str(number))
        if version.get("destroyed") or _is_past(version.get("deletion_time")):
            raise Failed(vault_errors.deleted(path, number))
        return SecretIdentity(number, str(version.get("created_time", "")))

    def _data(self, path: SecretPath) -> tuple[SecretIdentity, Mapping[str, Any]]:
        def get(kv: Any) -> Any:
            return kv.read_secret_version(
                path=path.path, version=path.version or None, mount_point=path.mount_point, raise_on_deleted_version=False
            )

        data = vault_answers.part(self._permitted(path, "data", get), "data")
        metadata = data.get("metadata")
        if not isinstance(metadata, Mapping):
            raise Failed(vault_errors.missing(replace(path, version=0)))
        if metadata.get("destroyed") or data.get("data") is None:
            raise Failed(vault_errors.deleted(path, vault_answers.number(metadata, "version") or path.version))
        values = vault_answers.part(data, "data")
        return SecretIdentity(vault_answers.number(metadata, "version"), str(metadata.get("created_time", ""))), values

    def _permitted(self, path: SecretPath, kind: str, get: Callable[[Any], Any]) -> Any:
        """One read; a token that died meanwhile is replaced once."""
        from hvac import exceptions

        client = self._entered()
        token = client.token
        try:
            return vault_answers.asking(lambda: get(client.secrets.kv.v2))
        except exceptions.Forbidden as error:
            if not _is_unknown(error) or not self._is_dead(token):
                raise Failed(vault_errors.denied(path, kind)) from None
        if self.connection.login.method != "approle":
            raise Failed(vault_errors.dead_token(self.connection.url), everywhere=True)
        client.token = self._tokens.replaced(self.connection, token, self._log_in)
        try:
            return vault_answers.asking(lambda: get(client.secrets.kv.v2))
        except exceptions.Forbidden:
            raise Failed(vault_errors.denied(path, kind)) from None

    def _is_dead(self, token: str) -> bool:
        from hvac import exceptions

        client = new_client(self.connection, token)
        try:
            vault_answers.asking(client.auth.token.lookup_self)
        except exceptions.Forbidden as error:
            return _is_unknown(error)
        finally:
            client.adapter.close()
        return False

    def _entered(self) -> hvac.Client:
        if self._client is None:
            client = new_client(self.connection, self.connection.login.token)
            if self.connection.login.method == "approle":
                client.token = self._tokens.current(self.connection, self._log_in)
            self._client = client
        return self._client

    def _log_in(self) -> Mapping[str, Any]:
        from hvac import exceptions

        login = self.connection.login
        client = new_client(self.connection, None)
        try:
            answer = vault_answers.asking(
                lambda: client.auth.approle.login(login.role_id, secret_id=login.secret_id, use_token=False, mount_point=login.mount_point)
            )
            return vault_answers.login(answer)
        except exceptions.VaultError as error:
            down = vault_errors.unavailable(self.connection.url, error, self._hidden())
            refused = down or vault_errors.refused_login(self.connection.url, login.method, login.mount_point, error, self._hidden())
            raise Failed(refused, everywhere=True) from None
        finally:
            client.adapter.close()

    def _hidden(self) -> tuple[str, ...]:
        own = (self._client.token,) if self._client is not None and self._client.token else ()
        return (*self.connection.login.secrets(), *own)


def new_client(connection: Connection, token: str | None) -> hvac.Client:
    """A client with a session that serves ``THREADS`` threads. ``token`` empty: none, whatever the environment says."""
    import hvac
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    retry = Retry(
        total=connection.retries,
        backoff_factor=0.3,
        status_forcelist=(412, 429, 500, 502, 503),
        allowed_methods=None,
        raise_on_status=False,
    )
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=THREADS, max_retries=retry))
    session.mount("https://", HTTPAdapter(pool_maxsize=THREADS, max_retries=retry))
    session.verify = connection.verify
    session.proxies = dict(connection.proxies or {})
    # hvac takes VAULT_TOKEN where it is given None; an empty token keeps it from that.
    return hvac.Client(
        url=connection.url,
        token=token or "",
        namespace=connection.namespace,
        timeout=connection.timeout,
        session=session,
        verify=connection.verify,
    )


def login_of_token(connection: Connection, token: str) -> Connection:
    """The same store, entered with a token."""
    return replace(connection, login=Login("token", token=token))


def _is_unknown(error: Any) -> bool:
    """Whether a refusal means the token rather than its policy: that one comes as a list ("1 error occurred: ..."), an unknown token bare."""
    errors = error.errors if isinstance(error.errors, list) else ()
    return any(str(item).strip() == "permission denied" or "invalid token" in str(item) or "bad token" in str(item) for item in errors)


def _absent(path: SecretPath, error: Any) -> Problem:
    """KV answers 404 for a version that was deleted too, with that version's metadata."""
    try:
        return vault_errors.deleted(path, int(error.json["data"]["metadata"]["version"]))
    except (TypeError, KeyError, ValueError):
        return vault_errors.missing(path, error)


def _field(request: SecretRequest, secret: Mapping[str, Any]) -> str | Problem:
    value = secret.get(request.field)
    if value is None:
        return vault_errors.no_field(request.path, request.field, secret)
    if request.encoding:
        return (decoded(value) if isinstance(value, str) else None) or vault_errors.not_base64(request.path, request.field)
    text = text_of(value)
    return no_text(f"field {request.field} of {request.path}", value) if text is None else text


def _is_past(deletion_time: Any) -> bool:
    """Whether KV's ``deletion_time`` says the version is gone; a time in the future (``delete_version_after``) does not yet."""
    from datetime import datetime

    if not deletion_time:
        return False
    try:
        moment = datetime.fromisoformat(str(deletion_time)[:19]).replace(tzinfo=UTC)
    except ValueError:
        return True
    return moment <= datetime.now(UTC)
