# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What went wrong between us and the secret store, in words that say what to do and hold no value."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from .base import Problem
from .vault_requests import SecretPath

_TLS = re.compile(r"certificate verify failed: ([^(\[]{3,160})")
_SHOWN = 200


def _words(error: Exception, hide: Iterable[str]) -> str:
    """The store's own message; whatever must not be shown is cut out of it."""
    errors = getattr(error, "errors", None)
    text = ", ".join(str(item) for item in errors) if isinstance(errors, list) else ""
    for secret in hide:
        text = text.replace(secret, "***")
    return " ".join(text.split())[:_SHOWN]


def unreachable(url: str, error: Exception) -> Problem:
    """A connection that did not come to pass, or broke (an exception of requests)."""
    from requests import exceptions

    text = str(error)
    if isinstance(error, exceptions.SSLError):
        reason = _TLS.search(text)
        if reason:
            message = f"the certificate of the secret store {url} is not trusted: {reason.group(1).strip()}"
            return Problem(
                "SEC-001", message, "Set ansible_hashi_vault_ca_cert to the file of the CA that signed it, and the address to a name in it."
            )
        if "WRONG_VERSION_NUMBER" in text:
            return Problem("SEC-001", f"the secret store {url} does not speak TLS", "Use its https address, or http:// where it has none.")
        return Problem("SEC-001", f"no TLS session with the secret store {url}", "Check its address and certificate.")
    if isinstance(error, exceptions.ProxyError):
        return Problem(
            "SEC-001", f"the proxy on the way to the secret store {url} refuses", "Check ansible_hashi_vault_proxies and NO_PROXY."
        )
    if isinstance(error, exceptions.Timeout) or "timed out" in text:
        return Problem(
            "SEC-001", f"the secret store {url} did not answer in time", "Check the network, or raise ansible_hashi_vault_timeout."
        )
    if isinstance(error, OSError) and "CA certificate bundle" in text:
        return Problem("SEC-001", "the CA file for the secret store cannot be read", "Correct ansible_hashi_vault_ca_cert.")
    return Problem(
        "SEC-001", f"the secret store {url} cannot be reached", "Check ansible_hashi_vault_url, the network, and that the store runs."
    )


def no_library(missing: str | None) -> Problem:
    """hvac cannot be imported: it is not there, or something it needs is not (``missing``: the module Python looked for)."""
    what = f", which needs {missing}" if missing not in (None, "hvac") else ""
    message = f"the Python package hvac{what} is missing on the controller, in the Python that runs Ansible ({sys.executable})"
    return Problem("SEC-001", message, f"{sys.executable} -m pip install hvac (or add it to the execution environment).")


def foreign(url: str) -> Problem:
    """An answer of somebody else: a login page, a proxy's word, JSON of another service."""
    return Problem(
        "SEC-001",
        f"the secret store {url} does not answer like Vault",
        "Check ansible_hashi_vault_url, and whether a proxy or a login page stands before the store (ansible_hashi_vault_proxies, NO_PROXY).",
    )


def unavailable(url: str, error: Exception, hide: Iterable[str]) -> Problem | None:
    """Answers that hold for the store as a whole, whatever was asked; ``None`` for the others (exceptions of hvac)."""
    from hvac import exceptions

    words = _words(error, hide)
    if isinstance(error, exceptions.VaultDown):
        if "sealed" in words.lower() or not words:
            return Problem("SEC-001", f"the secret store {url} is sealed", "Unseal it, then run again.")
        return Problem("SEC-001", f"the secret store {url} is not available: {words}", "Check the state of the store, then run again.")
    if isinstance(error, exceptions.VaultNotInitialized):
        return Problem("SEC-001", f"the secret store {url} is not initialized", "Check the address, or initialize the store.")
    if isinstance(error, exceptions.RateLimitExceeded):
        return Problem(
            "SEC-001", f"the secret store {url} limits the rate of requests", "Run again later, or set ansible_hashi_vault_retries."
        )
    if isinstance(error, (exceptions.InternalServerError, exceptions.BadGateway)):
        return Problem("SEC-001", f"the secret store {url} failed: {words or 'an internal error'}", "Read the store's own log.")
    if isinstance(error, exceptions.InvalidRequest) and "HTTP request to an HTTPS server" in (error.text or ""):
        return Problem("SEC-001", f"the secret store {url} speaks TLS", "Write its address with https://.")
    return None


def refused_login(url: str, method: str, mount_point: str, error: Exception, hide: Iterable[str]) -> Problem:
    words = _words(error, hide)
    message = f"the secret store {url} refuses the {method} login at auth/{mount_point}" + (f": {words}" if words else "")
    names = "ansible_hashi_vault_mount_point and ansible_hashi_vault_namespace"
    remedy = f"Check ansible_hashi_vault_role_id and ansible_hashi_vault_secret_id (used up or expired?), {names}."
    return Problem("SEC-002", message, remedy)


def dead_token(url: str) -> Problem:
    return Problem("SEC-002", f"the secret store {url} does not know the token: expired, revoked or mistyped", "Get a new token.")


def _misplaced(path: SecretPath) -> str | None:
    """What of a path is not part of it: people copy it from a policy or an API address, which name the mount and ``data`` too."""
    first, _slash, rest = path.path.partition("/")
    mount = path.mount_point.strip("/")
    if first in ("data", "metadata") and rest:
        return f"the path should not contain {first}/: write {rest}"
    if path.path.startswith(f"{mount}/"):
        inner = path.path[len(mount) + 1 :]
        head, _slash, tail = inner.partition("/")
        return f"the path should not contain the mount: write {tail if head in ('data', 'metadata') and tail else inner}"
    return None


def denied(path: SecretPath, kind: str) -> Problem:
    """``kind`` is ``data`` or ``metadata``."""
    misplaced = _misplaced(path)
    if misplaced is not None:
        message = f"permission denied to read {path.mount_point}/{path.path}: {misplaced}"
        return Problem("SEC-002", message, "Correct path; mount_point names the mount, and data/ is added here.")
    rule = f'path "{path.mount_point}/{kind}/{path.path}" {{ capabilities = ["read"] }}'
    return Problem("SEC-002", f"permission denied to read {path.mount_point}/{path.path}", f"Add to the policy: {rule}")


def missing(path: SecretPath, error: Exception | None = None) -> Problem:
    words = _words(error, ()) if error is not None else ""
    if "no handler" in words or "unsupported path" in words:
        return Problem("SEC-003", f"there is no KV version 2 store mounted at {path.mount_point}", "Correct mount_point.")
    misplaced = _misplaced(path)
    if misplaced is not None:
        return Problem(
            "SEC-003", f"there is no secret at {path}: {misplaced}", "Correct path; mount_point names the mount, and data/ is added here."
        )
    return Problem("SEC-003", f"there is no secret at {path}", "Write it there (KV version 2), or correct path and mount_point.")


def no_version(path: SecretPath, newest: int) -> Problem:
    remedy = f"Ask for a version up to {newest}, or for none to get the newest." if newest else "Write the secret."
    return Problem("SEC-003", f"{path.mount_point}/{path.path} has no version {path.version}", remedy)


def deleted(path: SecretPath, number: int) -> Problem:
    message = f"version {number} of {path.mount_point}/{path.path} was deleted"
    return Problem("SEC-003", message, "Undelete it or write a new version" + (", or ask for another version." if path.version else "."))


def no_field(path: SecretPath, wanted: str, fields: Iterable[str]) -> Problem:
    """``fields``: the names of what is there, which are no secret."""
    names = ", ".join(sorted(str(name) for name in fields)) or "none"
    return Problem(
        "SEC-003", f"{path.mount_point}/{path.path} has no field {wanted}", f"Write it, or name another field; there are: {names}."
    )


def not_base64(path: SecretPath, field: str) -> Problem:
    remedy = f"Write it so (base64 FILE | vault kv put ... {field}=-), or remove encoding from the key."
    return Problem("SEC-003", f"field {field} of {path.mount_point}/{path.path} is empty or not base64", remedy)


def strange(path: SecretPath, error: Exception, hide: Iterable[str]) -> Problem:
    words = _words(error, hide) or type(error).__name__
    return Problem(
        "SEC-003", f"{path.mount_point}/{path.path} cannot be read: {words}", "Check path, mount_point and that the store is KV version 2."
    )
