# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of git repositories: which are allowed, how they are shown, where their credentials go."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ...module_utils.common.errors import InputError
from ...module_utils.common.rules import finding

REMOTE = ("https", "ssh", "http", "git")

_SCP = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?!:)[^\s].*\Z")


@dataclass(frozen=True)
class GitUrl:
    """``url`` is safe in an argument list and in logs: without password, user name of https, query. ``protocols`` is what git may use for it."""

    url: str
    protocols: tuple[str, ...]
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"GitUrl({self.url!r})"


def parse_git_url(url: str, local: bool, place: str) -> GitUrl:
    """``local``: folders of this machine are allowed, because the operator (not a package or a remote tap) wrote the address.

    Raises ``InputError`` for anything but https, ssh, http, git, ``user@host:path`` and, with ``local``, an absolute path or ``file://``.
    """
    if not url or not url.isprintable() or " " in url or url.startswith("-") or "::" in url.split("/")[0]:
        raise _refused(place, "is not the address of a git repository")
    scheme = urlsplit(url).scheme.lower() if "://" in url else ""
    if scheme in REMOTE:
        return _remote(url, scheme, place)
    if scheme == "file" or (not scheme and (url.startswith("/") or os.path.isdir(url))):
        if not local:
            raise _refused(place, "points into this machine, which a package may not do")
        path = unquote(urlsplit(url).path) if scheme else os.path.abspath(url)
        return GitUrl(path, ("file",))
    if not scheme and _SCP.match(url):
        return GitUrl(url, ("ssh",))
    raise _refused(place, f"is not an address of the kinds {', '.join(REMOTE)} or user@host:path")


def _remote(url: str, scheme: str, place: str) -> GitUrl:
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or host.startswith("-"):
        raise _refused(place, "names no host")
    where = f"[{host}]" if ":" in host else host
    if port is not None:
        where = f"{where}:{port}"
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if scheme == "ssh" and username:
        where = f"{quote(username)}@{where}"
    protocols = ("https", "http") if scheme == "http" else (scheme,)
    clean = urlunsplit((scheme, where, parts.path, "", ""))
    if scheme in ("http", "https"):
        # A token alone, as some forges have it, stands in the place of the user name.
        return GitUrl(clean, protocols, username, password if password is not None else "" if username else None)
    return GitUrl(clean, protocols)


def _refused(place: str, why: str) -> InputError:
    return InputError(f"{place}: the address {why}", [finding("SRC-001", place, f"the address {why}", "Use an https or ssh address.")])
