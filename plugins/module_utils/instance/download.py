# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One big file from a server a package names: resumed where a run was cut, bounded, and kept out of networks nobody named."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import os
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from typing import Any, Union

from ..common.spec import Artifact
from ..system import files

PARTIAL = ".partial"
CHUNK = 1 << 20
_TIMEOUT = 60
# Bytes of a file whose size the package does not state: more than any known one, less than a disk.
MOST = 64 << 30
# How near to the host an address is. A server may only redirect to what is no nearer than itself.
PUBLIC, PRIVATE, OWN = 0, 1, 2
_WORDS = {PUBLIC: "a public address", PRIVATE: "a private network", OWN: "the host itself or its own link"}
_Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class Refused(Exception):
    """Why a download is of no use."""


def nearness(text: str) -> int:
    """``PUBLIC``, ``PRIVATE``, or ``OWN`` (loopback, link-local, where clouds keep their metadata, and what is no address of a server)."""
    address: _Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        address = inner or address
    if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
        return OWN
    return PUBLIC if address.is_global else PRIVATE


class _Way:
    """The servers of one download, first to last. ``free``: the operator lets them redirect anywhere."""

    def __init__(self, free: bool) -> None:
        self._free = free
        self._limit = OWN
        self.proxied = False

    def enter(self, name: str, addresses: Iterable[str]) -> None:
        """Raises ``Refused`` where one of the addresses is nearer than a server before it."""
        found = max(map(nearness, addresses), default=PUBLIC)
        if found > self._limit and not self._free:
            raise Refused(
                f"{_WORDS[self._limit]} redirects to {name}, {_WORDS[found]}, which the operator has to allow (avs_artifact_redirects: any)"
            )
        self._limit = min(self._limit, found)


def _connected(way: _Way) -> Any:
    """``socket.create_connection`` that looks at the address it came to, whatever a name server said before."""

    def connect(address: tuple[str, int], *arguments: Any, **named: Any) -> socket.socket:
        connection = socket.create_connection(address, *arguments, **named)
        try:
            if not way.proxied:
                way.enter(address[0], [connection.getpeername()[0]])
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


class _Handler(urllib.request.AbstractHTTPHandler):
    """HTTP and HTTPS over connections that are looked at."""

    def __init__(self, way: _Way) -> None:
        super().__init__()
        self._way = way

    def _look(self, request: urllib.request.Request) -> urllib.request.Request:
        """Where a proxy makes the connection, names are all there is to judge by."""
        name = urllib.parse.urlsplit(request.full_url).hostname or ""
        self._way.proxied = request.type in urllib.request.getproxies() and not urllib.request.proxy_bypass(request.host)
        if self._way.proxied:
            self._way.enter(name, _addresses(name))
        return self.do_request_(request)

    http_request = https_request = _look

    def http_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(self._of(http.client.HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(self._of(http.client.HTTPSConnection), request)

    def _of(self, kind: Any) -> Any:
        def make(*arguments: Any, **named: Any) -> Any:
            connection = kind(*arguments, **named)
            connection._create_connection = _connected(self._way)
            return connection

        return make


def _addresses(name: str) -> list[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]
    except OSError:
        # Only the proxy knows it.
        return []


def _opener(free: bool) -> urllib.request.OpenerDirector:
    """Opens http and https, and nothing else a redirect may name (ftp, files)."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Handler(_Way(free)),
    ):
        opener.add_handler(handler)
    return opener


def download(item: Artifact, path: str, free: bool = False) -> None:
    """Fetch an artifact (``url``, ``sha256``, ``size`` or ``None``) to ``path``. What a run before left of it is gone on with.

    ``free``: a public server may redirect into private networks. Raises ``Refused``.
    """
    files.own_folder(os.path.dirname(path))
    partial = path + PARTIAL
    if not files.is_file(partial):
        # A link, a pipe, a folder: no download began with it.
        files.remove(partial)
    total = hashlib.sha256()
    with open(partial, "ab+") as out:
        out.seek(0)
        for chunk in iter(lambda: out.read(CHUNK), b""):
            total.update(chunk)
        have = out.tell()
        most = item.size if item.size is not None else min(MOST, have + _free(partial))
        request = urllib.request.Request(item.url, headers={"Range": f"bytes={have}-"} if have else {})
        try:
            with _opener(free).open(request, timeout=_TIMEOUT) as response:
                if have and response.status != 206:
                    out.truncate(0)
                    total, have = hashlib.sha256(), 0
                for chunk in iter(lambda: response.read(CHUNK), b""):
                    have += len(chunk)
                    if have > most:
                        break
                    total.update(chunk)
                    out.write(chunk)
                else:
                    # What the server still owes of the length it announced: without a look, a cut answer passes for a whole one.
                    announced = response.length is not None
                    if response.length or (not announced and have < (item.size or 0)):
                        raise Refused(f"broke off after {have} bytes; the next run goes on from there")
        except urllib.error.HTTPError as error:
            if error.code != 416:
                raise Refused(f"the server answers {error.code} {error.reason}") from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            why = getattr(error, "reason", error)
            raise Refused(f"cannot be downloaded: {why or type(error).__name__}") from None
        out.flush()
        os.fsync(out.fileno())
    _judge(item, partial, have, most, total.hexdigest())
    os.chmod(partial, 0o444)
    if files.is_folder(path):
        files.remove(path)
    os.rename(partial, path)
    files.sync_folder(os.path.dirname(path))


def _judge(item: Artifact, partial: str, have: int, most: int, digest: str) -> None:
    """Whether what was downloaded is what was named; what is not is removed."""
    why = ""
    if item.size is None and have > most:
        why = f"is more than {most} bytes, the most this host takes of a file whose size the package does not state"
    elif item.size is not None and have != item.size:
        why = f"is {have} bytes or more, not {item.size}"
    elif digest != item.sha256:
        why = f"has the digest {digest}, not {item.sha256}"
    if why:
        files.remove(partial)
        raise Refused(why)


def _free(path: str) -> int:
    """Bytes a download may take of the disk: nine tenths of what is free, so that the nodes of the host can go on writing."""
    found = os.statvfs(os.path.dirname(path))
    return found.f_bavail * found.f_frsize * 9 // 10
