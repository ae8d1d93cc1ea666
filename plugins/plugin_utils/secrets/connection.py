# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to reach and enter the secret store, from options named like community.hashi_vault's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...module_utils.common.errors import SecretError
from ...module_utils.common.findings import Finding
from ...module_utils.common.rules import finding
from ...module_utils.system.regular import read_regular

# Option -> the variables that set it, first one wins.
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "url": ("ansible_hashi_vault_url", "ansible_hashi_vault_addr"),
    "auth_method": ("ansible_hashi_vault_auth_method",),
    "auth_mount_point": ("ansible_hashi_vault_mount_point",),
    "token": ("ansible_hashi_vault_token",),
    "token_path": ("ansible_hashi_vault_token_path",),
    "token_file": ("ansible_hashi_vault_token_file",),
    "role_id": ("ansible_hashi_vault_role_id",),
    "secret_id": ("ansible_hashi_vault_secret_id",),
    "namespace": ("ansible_hashi_vault_namespace",),
    "ca_cert": ("ansible_hashi_vault_ca_cert",),
    "validate_certs": ("ansible_hashi_vault_validate_certs",),
    "timeout": ("ansible_hashi_vault_timeout",),
    "retries": ("ansible_hashi_vault_retries",),
    "proxies": ("ansible_hashi_vault_proxies",),
}
_ENVIRONMENT = {**{option: names[0].upper() for option, names in VARIABLES.items()}, "url": "ANSIBLE_HASHI_VAULT_ADDR"}
METHODS = ("token", "approle")
TIMEOUT = 30
# Bytes; a token has some hundreds at most.
_MAX_TOKEN = 64 << 10
_FALSE = ("false", "0", "no", "off", "f", "n")


@dataclass(frozen=True)
class Login:
    """A given token, or an AppRole. Neither shows up in a text form."""

    method: str
    token: str | None = field(default=None, repr=False)
    role_id: str | None = field(default=None, repr=False)
    secret_id: str | None = field(default=None, repr=False)
    mount_point: str = "approle"

    @property
    def digest(self) -> str:
        """Tells logins apart without holding them."""
        parts = (self.method, self.mount_point, self.token or "", self.role_id or "", self.secret_id or "")
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]

    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return tuple(text for text in (self.token, self.secret_id) if text)


@dataclass(frozen=True)
class Connection:
    """``verify`` is ``True``, ``False`` or the path of a CA file; ``timeout`` in seconds; ``retries`` after the first try."""

    url: str
    login: Login
    namespace: str | None = None
    verify: bool | str = True
    timeout: int = TIMEOUT
    retries: int = 0
    proxies: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def store(self) -> str:
        """Short digest of the store's address, part of every identity."""
        return hashlib.sha256(f"{self.url.rstrip('/')}\n{self.namespace or ''}".encode()).hexdigest()[:16]

    @property
    def digest(self) -> str:
        """Tells connections apart, login included."""
        return f"{self.store}-{self.login.digest}"


def connection(option: Callable[[str], Any], environ: Mapping[str, str] | None = None) -> Connection:
    """The connection the options describe; where one is not set, ``ANSIBLE_HASHI_VAULT_*``, then ``VAULT_*`` and the token file fill in.

    ``option`` returns an option's value or ``None``. Raises ``SecretError`` naming every option that is missing or wrong.
    """
    env = os.environ if environ is None else environ

    def get(name: str) -> Any:
        value = option(name)
        return env.get(_ENVIRONMENT[name]) if value is None else value

    findings: list[Finding] = []
    url = _text(get("url")) or env.get("VAULT_ADDR")
    if not url:
        message = "a secret is asked of a secret store, and no address of one is set"
        findings.append(finding("SEC-001", VARIABLES["url"][0], message, "Set ansible_hashi_vault_url, or VAULT_ADDR in the environment."))
    elif not url.startswith(("http://", "https://")):
        findings.append(
            finding("SEC-001", VARIABLES["url"][0], "is not an http or https address", "Write it like https://vault.example.org:8200.")
        )
    login = _login(get, env, findings)
    timeout = _number(get("timeout"), "timeout", TIMEOUT, 1, findings)
    retries = _number(_total(get("retries")), "retries", 0, 0, findings)
    verify = _verify(get, env)
    if isinstance(verify, str) and os.path.exists(verify) and not os.path.isfile(verify) and not os.path.isdir(verify):
        # To open a pipe would wait for a writer for ever.
        message = f"{verify} is neither a file nor a folder of certificates"
        findings.append(finding("SEC-001", VARIABLES["ca_cert"][0], message, "Correct ansible_hashi_vault_ca_cert."))
    if findings or login is None or not url:
        raise SecretError("the connection to the secret store is not set up", findings)
    namespace = _text(get("namespace")) or env.get("VAULT_NAMESPACE")
    return Connection(url, login, namespace or None, verify, timeout, retries, _proxies(get("proxies")))


def _login(get: Callable[[str], Any], env: Mapping[str, str], findings: list[Finding]) -> Login | None:
    method = _text(get("auth_method")) or "token"
    if method not in METHODS:
        remedy = f"Set ansible_hashi_vault_auth_method to one of: {', '.join(METHODS)}."
        findings.append(finding("SEC-002", VARIABLES["auth_method"][0], f"{method} is not a method of this collection", remedy))
        return None
    if method == "approle":
        role = _text(get("role_id"))
        if not role:
            findings.append(
                finding("SEC-002", VARIABLES["role_id"][0], "an AppRole login needs a role id", "Set ansible_hashi_vault_role_id.")
            )
            return None
        return Login(
            method, role_id=role, secret_id=_text(get("secret_id")), mount_point=(_text(get("auth_mount_point")) or method).strip("/")
        )
    token = _text(get("token")) or env.get("VAULT_TOKEN") or _token_file(get, env)
    if not token:
        message = "no token for the secret store"
        role = "ansible_hashi_vault_auth_method: approle with ansible_hashi_vault_role_id and ansible_hashi_vault_secret_id"
        remedy = f"Set ansible_hashi_vault_token (or VAULT_TOKEN), or {role}."
        findings.append(finding("SEC-002", VARIABLES["token"][0], message, remedy))
        return None
    return Login(method, token=token)


def _token_file(get: Callable[[str], Any], env: Mapping[str, str]) -> str | None:
    folder = _text(get("token_path")) or env.get("HOME")
    if not folder:
        return None
    try:
        path = Path(folder).expanduser() / (_text(get("token_file")) or ".vault-token")
        return read_regular(path, _MAX_TOKEN).decode("utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _verify(get: Callable[[str], Any], env: Mapping[str, str]) -> bool | str:
    given = get("validate_certs")
    if given is None and env.get("VAULT_SKIP_VERIFY"):
        checked = env["VAULT_SKIP_VERIFY"].lower() in _FALSE
    else:
        checked = given is None or str(given).strip().lower() not in _FALSE
    if not checked:
        return False
    ca_cert = _text(get("ca_cert")) or env.get("VAULT_CACERT")
    return str(Path(ca_cert).expanduser()) if ca_cert else True


def _text(value: Any) -> str | None:
    return None if value is None else str(value).strip() or None


def _total(value: Any) -> Any:
    return value.get("total", 0) if isinstance(value, Mapping) else value


def _number(value: Any, name: str, default: int, least: int, findings: list[Finding]) -> int:
    if value is None or value == "":
        return default
    try:
        number = int(str(value))
    except ValueError:
        number = least - 1
    if number < least:
        findings.append(
            finding("SEC-001", VARIABLES[name][0], f"is not a whole number of at least {least}", f"Correct {VARIABLES[name][0]}.")
        )
        return default
    return number


def _proxies(value: Any) -> Mapping[str, str] | None:
    if isinstance(value, Mapping):
        return {str(scheme): str(proxy) for scheme, proxy in value.items()}
    return {"http": str(value), "https": str(value)} if value else None
