# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a download may lead, and how much of it is taken."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import Artifact
from ansible_collections.restaking.avs.plugins.module_utils.instance import download as module
from ansible_collections.restaking.avs.plugins.module_utils.instance.download import OWN, PRIVATE, PUBLIC, Refused, download, nearness

CONTENT = b"artifact" * 1000


@pytest.mark.parametrize(("address", "expected"), [
    ("8.8.8.8", PUBLIC), ("2606:4700::1111", PUBLIC), ("::ffff:8.8.8.8", PUBLIC), ("64:ff9b::808:808", PUBLIC), ("2002:808:808::1", PUBLIC),
    ("10.0.0.1", PRIVATE), ("172.16.5.4", PRIVATE), ("192.168.1.1", PRIVATE), ("100.64.0.1", PRIVATE), ("fd00::1", PRIVATE),
    ("::ffff:10.0.0.1", PRIVATE), ("64:ff9b::a00:1", PRIVATE), ("2002:a00:1::1", PRIVATE), ("198.18.0.1", PRIVATE), ("255.255.255.255", PRIVATE),
    ("127.0.0.1", OWN), ("127.8.9.1", OWN), ("::1", OWN), ("::ffff:127.0.0.1", OWN), ("169.254.169.254", OWN), ("fe80::1%eth0", OWN), ("0.0.0.0", OWN),
    ("::", OWN), ("224.0.0.1", OWN), ("64:ff9b::7f00:1", OWN), ("64:ff9b::a9fe:a9fe", OWN),
])  # fmt: skip
def test_how_near_an_address_is(address: str, expected: int) -> None:
    assert nearness(address) == expected


class Server(http.server.BaseHTTPRequestHandler):
    """``/to/<url>`` redirects, anything else is the artifact; without a length below ``/endless``."""

    asked: list[str]

    def log_message(self, *_arguments: Any) -> None:
        return

    def do_GET(self) -> None:
        self.asked.append(f"{self.server.server_address[0]}{self.path}")
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path[4:])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        if self.path != "/endless":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(CONTENT * (4000 if self.path == "/endless" else 1))


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Three addresses of this machine that stand for a public, a private and an own one: name -> URL, and what was asked of them."""
    near = {"127.0.0.11": PUBLIC, "127.0.0.12": PRIVATE, "127.0.0.13": OWN}
    monkeypatch.setattr(module, "nearness", lambda address: near[address])
    asked: list[str] = []
    handler = type("Handler", (Server,), {"asked": asked})
    running = [http.server.ThreadingHTTPServer((address, 0), handler) for address in near]
    for server in running:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    names = dict(zip(("public", "private", "own"), (f"http://{server.server_address[0]}:{server.server_port}" for server in running)))
    yield names, asked
    for server in running:
        server.shutdown()
        server.server_close()


def item(url: str, **changes: Any) -> Artifact:
    return Artifact(**{"url": url, "sha256": hashlib.sha256(CONTENT).hexdigest(), "path": "a", "size": None, **changes})


@pytest.mark.parametrize(
    ("way", "allowed"),
    [
        ("public", True), ("private", True), ("own", True), ("public public", True), ("public private", False), ("public own", False),
        ("private private", True), ("private public", True), ("private own", False), ("own private", True), ("own own", True),
        ("private public private", False), ("own public own", False), ("own private public", True), ("public public private", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("free", [False, True])
def test_a_server_redirects_to_nothing_nearer(servers: Any, tmp_path: Path, way: str, allowed: bool, free: bool) -> None:
    names, asked = servers
    hops = way.split()
    url = f"{names[hops[-1]]}/a"
    for hop in reversed(hops[:-1]):
        url = f"{names[hop]}/to/{url}"
    if allowed or free:
        download(item(url), str(tmp_path / "a"), free)
        assert (tmp_path / "a").read_bytes() == CONTENT
        return
    with pytest.raises(Refused) as caught:
        download(item(url), str(tmp_path / "a"), free)
    assert "avs_artifact_redirects" in str(caught.value)
    # The last of them was never spoken to.
    assert len(asked) == len(hops) - 1


def test_a_name_is_judged_by_the_address_it_leads_to(servers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, asked = servers
    real = socket.create_connection

    def resolved(address: tuple[str, int], *rest: Any, **more: Any) -> socket.socket:
        return real(("127.0.0.12", address[1]) if address[0] == "artifacts.example.org" else address, *rest, **more)

    monkeypatch.setattr("socket.create_connection", resolved)
    port = names["private"].rpartition(":")[2]
    with pytest.raises(Refused, match=r"artifacts\.example\.org, a private network"):
        download(item(f"{names['public']}/to/http://artifacts.example.org:{port}/a"), str(tmp_path / "a"))
    assert len(asked) == 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "gopher://127.0.0.1/"])
def test_a_redirect_stays_with_http(servers: Any, tmp_path: Path, target: str) -> None:
    with pytest.raises(Refused):
        download(item(f"{servers[0]['own']}/to/{target}"), str(tmp_path / "a"))
    with pytest.raises(Refused):
        download(item(target), str(tmp_path / "a"))


def test_behind_a_proxy_names_are_looked_at(servers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy, in a private network as they are, makes the connections: here it answers itself."""
    names, asked = servers
    monkeypatch.setenv("http_proxy", names["private"])
    monkeypatch.delenv("no_proxy", raising=False)
    near = {"203.0.113.5": PUBLIC, "10.0.0.5": PRIVATE, "127.0.0.12": PRIVATE}
    monkeypatch.setattr(module, "nearness", lambda address: near[address])
    download(item("http://203.0.113.5/a"), str(tmp_path / "a"))
    assert len(asked) == 1
    served = Server.do_GET

    def through(self: Server) -> None:
        self.path = "/to/http://10.0.0.5/a"
        served(self)

    monkeypatch.setattr(Server, "do_GET", through)
    with pytest.raises(Refused, match=r"10\.0\.0\.5, a private network"):
        download(item("http://203.0.113.5/b"), str(tmp_path / "b"))


def test_a_file_of_no_stated_size_has_one(servers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 5_000_000)
    with pytest.raises(Refused, match="more than 5000000 bytes"):
        download(item(f"{servers[0]['own']}/endless"), str(tmp_path / "a"))
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    monkeypatch.setattr(module, "_free", lambda _path: 1_000_000)
    with pytest.raises(Refused, match="more than 1000000 bytes"):
        download(item(f"{servers[0]['own']}/endless"), str(tmp_path / "a"))


REAL = """
import hashlib, http.server, sys, threading
sys.path.insert(0, sys.argv[1])
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import Artifact
from ansible_collections.restaking.avs.plugins.module_utils.instance.download import Refused, download
class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302 if self.path.startswith("/to/") else 200)
        if self.path.startswith("/to/"):
            self.send_header("Location", self.path[4:])
        self.end_headers()
        self.wfile.write(b"x")
    def log_message(self, *_): pass
for address in ("11.0.0.1", "10.0.0.1", "127.0.0.1"):
    threading.Thread(target=http.server.ThreadingHTTPServer((address, 80), Server).serve_forever, daemon=True).start()
sha256 = hashlib.sha256(b"x").hexdigest()
for url in ("11.0.0.1/a", "10.0.0.1/a", "11.0.0.1/to/http://11.0.0.1/a", "11.0.0.1/to/http://10.0.0.1/a", "11.0.0.1/to/http://localhost/a",
            "10.0.0.1/to/http://11.0.0.1/a", "10.0.0.1/to/http://127.0.0.1/a"):
    try:
        download(Artifact(url=f"http://{url}", sha256=sha256, path="a", size=1), sys.argv[2])
        print("had", url)
    except Refused as error:
        print("refused", url)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a network")
def test_on_a_network_with_public_and_private_addresses(tmp_path: Path) -> None:
    """Addresses of a network namespace of its own: 11.0.0.1 is a public one."""
    setup = 'ip link set lo up; ip addr add 11.0.0.1/32 dev lo; ip addr add 10.0.0.1/32 dev lo; exec "$@"'
    collections = os.environ["ANSIBLE_COLLECTIONS_PATH"].split(":")[0]
    line = ["unshare", "--net", "sh", "-ec", setup, "sh", sys.executable, "-c", REAL, collections, str(tmp_path / "a")]
    done = subprocess.run(line, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
    assert done.stdout.splitlines() == [
        "had 11.0.0.1/a",
        "had 10.0.0.1/a",
        "had 11.0.0.1/to/http://11.0.0.1/a",
        "refused 11.0.0.1/to/http://10.0.0.1/a",
        "refused 11.0.0.1/to/http://localhost/a",
        "had 10.0.0.1/to/http://11.0.0.1/a",
        "refused 10.0.0.1/to/http://127.0.0.1/a",
    ], done.stderr
