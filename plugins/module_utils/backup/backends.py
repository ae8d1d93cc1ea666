# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where copies of a repository may be: the kinds of places restic knows, which of them are allowed, and why. Computes only."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LOCAL, SFTP, S3, REST = "local", "sftp", "s3", "rest"
# Fields of a copy that become files on the host.
PASSWORD, SECRET, KNOWN_HOSTS, CA = "password", "secret", "known_hosts", "ca"
_HOST = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
_PORT = r"(?::(?P<port>[1-9][0-9]{0,4}))?"
_USER = r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]{0,63})@)?"
_PATH = r"(?P<path>[A-Za-z0-9._/+=,@~-]+)"
_PORTS = 65_535
# A request to these leaves no host.
_LOOPBACK = ("127.0.0.1", "[::1]", "localhost")


@dataclass(frozen=True)
class Kind:
    """``forms``: patterns of its addresses; ``needs`` and ``takes``: fields beside name and repository, those it cannot do without and
    others; ``why`` it is allowed, or is not (``forms`` is empty)."""

    why: str
    forms: Sequence[str] = ()
    needs: Sequence[str] = ()
    takes: Sequence[str] = ()


KINDS: Mapping[str, Kind] = {
    LOCAL: Kind("a folder of the host, best on another disk or another host's that is mounted", (r"(?P<path>/.+)",)),
    SFTP: Kind(
        "the private key is a file, and the server is known before the first connection",
        (f"sftp:{_USER}{_HOST}:(?P<path>/[A-Za-z0-9._/+=,@~-]+)", f"sftp://{_USER}{_HOST}{_PORT}/{_PATH}"),
        (SECRET, KNOWN_HOSTS),
    ),
    S3: Kind("keys of access are in a file", (f"s3:(?P<tls>https?)://{_HOST}{_PORT}/{_PATH}",), ("user", SECRET), ("region", CA)),
    REST: Kind(
        "user and password are in a file with the address (restic 0.14 and newer)",
        (f"rest:(?P<tls>https?)://{_HOST}{_PORT}/(?P<path>[A-Za-z0-9._/+=,@~-]*)",),
        (),
        ("user", SECRET, CA),
    ),
    "b2": Kind("its key would be in the environment of restic, which others may see: use its S3 address"),
    "azure": Kind("its key would be in the environment of restic, which others may see"),
    "swift": Kind("its password would be in the environment of restic, which others may see"),
    "gs": Kind("nothing here tests it: use its S3 address"),
    "rclone": Kind("it runs another program, with settings and secrets of its own"),
}


@dataclass(frozen=True)
class Address:
    """``kind`` of KINDS; ``user``, ``host``, ``port``: as far as it names them."""

    kind: str
    text: str
    user: str = ""
    host: str = ""
    port: str = ""

    def below(self, name: str) -> str:
        """The address of a folder in it."""
        return f"{self.text.rstrip('/')}/{name}"


def address_of(text: object) -> Address:
    """Raises ``ValueError`` with what is wrong, without the address where that may have a secret in it."""
    if not isinstance(text, str) or not text:
        raise ValueError("is no address of a repository")
    scheme = LOCAL if text.startswith("/") else text.partition(":")[0]
    kind = KINDS.get(scheme)
    if kind is None:
        raise ValueError(f"is of no kind that is allowed ({', '.join(_allowed())})")
    if not kind.forms:
        raise ValueError(f"{scheme}: is not allowed: {kind.why}")
    match = next(filter(None, (re.fullmatch(form, text) for form in kind.forms)), None)
    found = match.groupdict() if match else {}
    path = found.get("path") or ""
    odd = scheme == LOCAL and (not text.isprintable() or text.startswith("//"))
    if match is None or odd or _wanders(path) or int(found.get("port") or 0) > _PORTS:
        secret = " (user and password have fields of their own)" if scheme == REST and "@" in text else ""
        raise ValueError(f"is no address of a repository by {scheme}{secret}")
    if found.get("tls") == "http" and found["host"] not in _LOOPBACK:
        raise ValueError("is http: anybody on the way could read and change what is sent; use https")
    return Address(scheme, text, found.get("user") or "", (found.get("host") or "").strip("[]"), found.get("port") or "")


def _allowed() -> list[str]:
    return ["a folder of the host", *(f"{name}:" for name, kind in KINDS.items() if kind.forms and name != LOCAL)]


def _wanders(path: str) -> bool:
    """Whether a path is written so that another one is meant. Of one by sftp two strokes in the beginning say that it is absolute."""
    own = path.rstrip("/")
    return (bool(own) and posixpath.normpath(own) != own) or own.startswith("..") or path in ("/", "//")
