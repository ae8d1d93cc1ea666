# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import functools
import hashlib
import http.server
import os
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import Artifact
from ansible_collections.restaking.avs.plugins.module_utils.instance import artifacts
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store

from tests.lab import trust

CONTENT = bytes(range(256)) * 5000


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Serves files, parts of them where asked, and remembers what was asked."""

    asked: list[str | None]
    # How the next answers end before their time: after so many bytes, as a line that drops.
    cuts: list[int]

    def log_message(self, *_arguments: Any) -> None:
        return

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        start = int(wanted.split("=")[1].rstrip("-")) if wanted and not self.path.endswith("?plain") else 0
        if start >= len(data) > 0 and start:
            self.send_error(416)
            return
        if self.path == "/babble":
            self.wfile.write(b"no HTTP at all\r\n\r\n")
            return
        self.send_response(206 if start else 200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n" % len(data) + data[:5000])
            return
        if self.path != "/unannounced":
            self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:][: self.cuts.pop(0) if self.cuts else None])


@contextmanager
def serving(folder: Path, tls: trust.Certificate | None = None, cuts: Sequence[int] = ()) -> Iterator[tuple[str, list[str | None]]]:
    folder.mkdir()
    for name in ("g1", "babble", "chunked", "unannounced"):
        (folder / name).write_bytes(CONTENT)
    asked: list[str | None] = []
    handler = type("Handler", (Ranges,), {"asked": asked, "cuts": list(cuts)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder))) as served:
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.path, tls.key)
            served.socket = context.wrap_socket(served.socket, server_side=True)
        thread = threading.Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{served.server_port}", asked
        finally:
            served.shutdown()
            thread.join()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str | None]]]:
    with serving(tmp_path / "www") as served:
        yield served


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks"))


def item(url: str, **changes: Any) -> Artifact:
    return Artifact(**{"url": url, "sha256": hashlib.sha256(CONTENT).hexdigest(), "path": "resources/g1", "size": len(CONTENT), **changes})


def put(store: Store, instance: str, wanted: Artifact) -> Path:
    """What a run does: fetch and place what is missing, and clean up."""
    own = store.instance(instance)
    own.make()
    missing = artifacts.missing(own, [wanted])
    artifacts.fetch(store, missing, instance)
    artifacts.place(store, own, missing)
    artifacts.sweep(store)
    assert artifacts.missing(own, [wanted]) == []
    return Path(own.data, wanted.path)


def test_an_artifact_is_fetched_once_and_copied(store: Store, server: tuple[str, list[str | None]]) -> None:
    url, asked = server
    wanted = item(f"{url}/g1")
    assert artifacts.missing(store.instance("one"), [wanted]) == [wanted]
    placed = [put(store, instance, wanted) for instance in ("one", "two")]
    assert [path.read_bytes() for path in placed] == [CONTENT, CONTENT]
    assert [(path.stat().st_nlink, path.stat().st_mode & 0o7777) for path in placed] == [(1, 0o444)] * 2
    assert len(asked) == 1
    assert os.listdir(store.artifacts) == []


def spoil(path: Path, content: bytes = b"poison" + CONTENT[6:]) -> None:
    """As root in a container that may write to its data."""
    path.chmod(0o644)
    with path.open("r+b") as handle:
        handle.write(content)


def test_what_one_instance_writes_reaches_no_other(store: Store, server: tuple[str, list[str | None]]) -> None:
    url, asked = server
    wanted = item(f"{url}/g1")
    one, two = put(store, "one", wanted), put(store, "two", wanted)
    spoil(one)
    assert two.read_bytes() == CONTENT
    assert put(store, "three", wanted).read_bytes() == CONTENT
    assert artifacts.missing(store.instance("one"), [wanted]) == [wanted]
    assert put(store, "one", wanted).read_bytes() == CONTENT
    assert len(asked) == 1
    for path in (one, two, Path(store.instance("three").data, wanted.path)):
        spoil(path)
    assert put(store, "four", wanted).read_bytes() == CONTENT
    assert len(asked) == 2


@pytest.mark.parametrize("change", [
    lambda path: path.unlink(), lambda path: (path.unlink(), path.write_bytes(CONTENT)), lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
    lambda path: (path.unlink(), os.mkfifo(path)), lambda path: (path.parent.rename(path.parent.parent / "x"), path.parent.symlink_to("x")), spoil,
])  # fmt: skip
def test_what_is_not_what_was_placed_is_missing(store: Store, server: tuple[str, list[str | None]], change: Any) -> None:
    wanted = item(f"{server[0]}/g1")
    path = put(store, "one", wanted)
    change(path)
    assert artifacts.missing(store.instance("one"), [wanted]) == [wanted]
    # Neither is it waited for, or followed, when another instance looks for a copy.
    assert put(store, "two", wanted).read_bytes() == CONTENT


def test_a_change_of_owner_is_none_of_the_file(store: Store, server: tuple[str, list[str | None]]) -> None:
    wanted = item(f"{server[0]}/g1")
    path = put(store, "one", wanted)
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, 1000, 1000)
    assert artifacts.missing(store.instance("one"), [wanted]) == []


def test_a_link_of_an_earlier_release_becomes_a_copy(store: Store, server: tuple[str, list[str | None]]) -> None:
    url, asked = server
    wanted = item(f"{url}/g1")
    kept = Path(store.artifacts, wanted.sha256)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(CONTENT)
    places = [Path(store.instance(name).data, wanted.path) for name in ("one", "two")]
    for path in places:
        path.parent.mkdir(parents=True)
        os.link(kept, path)
    artifacts.sweep(store)
    assert kept.exists()
    assert put(store, "one", wanted).stat().st_nlink == 1
    spoil(places[1])
    assert places[0].read_bytes() == CONTENT
    assert put(store, "two", wanted).read_bytes() == CONTENT
    assert asked == []
    assert not kept.exists()


def test_a_file_that_was_changed_since_it_was_fetched_is_not_placed(store: Store, server: tuple[str, list[str | None]]) -> None:
    wanted = item(f"{server[0]}/g1")
    own = store.instance("one")
    own.make()
    artifacts.fetch(store, [wanted], "one")
    spoil(Path(store.artifacts, wanted.sha256))
    with pytest.raises(HostError) as caught:
        artifacts.place(store, own, [wanted])
    assert [(found.id, found.place) for found in caught.value.findings] == [("PKG-013", "one: artifacts.resources/g1")]
    assert os.listdir(os.path.join(own.data, "resources")) == []
    assert put(store, "one", wanted).read_bytes() == CONTENT


@pytest.mark.parametrize("record", ["", "[]", '{"resources/g1": 5}', '{"resources/g1": {"sha256": 1, "stamp": "x"}}'])
def test_a_damaged_record_costs_a_look(store: Store, server: tuple[str, list[str | None]], record: str) -> None:
    url, asked = server
    wanted = item(f"{url}/g1")
    put(store, "one", wanted)
    Path(store.instance("one").artifacts_file).write_text(record)
    assert put(store, "one", wanted).read_bytes() == CONTENT
    assert len(asked) == 1


@pytest.mark.parametrize("path", ["/g1", "/g1?plain"])
def test_a_cut_download_is_resumed_or_begun_anew(store: Store, server: tuple[str, list[str | None]], path: str) -> None:
    url, asked = server
    wanted = item(url + path)
    os.makedirs(store.artifacts)
    Path(store.artifacts, wanted.sha256 + ".partial").write_bytes(CONTENT[:1000])
    artifacts.fetch(store, [wanted], "one")
    assert asked == ["bytes=1000-"]
    assert Path(store.artifacts, wanted.sha256).read_bytes() == CONTENT


def test_a_download_that_was_whole_but_not_named(store: Store, server: tuple[str, list[str | None]]) -> None:
    wanted = item(f"{server[0]}/g1")
    os.makedirs(store.artifacts)
    Path(store.artifacts, wanted.sha256 + ".partial").write_bytes(CONTENT)
    artifacts.fetch(store, [wanted], "one")
    assert Path(store.artifacts, wanted.sha256).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sha256": "0" * 64, "size": None}, "has the digest"),
        ({"size": 10}, "bytes or more, not 10"),
        ({"size": len(CONTENT) + 1}, f"not {len(CONTENT) + 1}"),
    ],
)
def test_what_is_not_what_was_named_is_refused(
    store: Store, server: tuple[str, list[str | None]], change: dict[str, Any], told: str
) -> None:
    with pytest.raises(HostError) as caught:
        artifacts.fetch(store, [item(f"{server[0]}/g1", **change)], "one")
    assert told in str(caught.value)
    assert os.listdir(store.artifacts) == []


def test_every_artifact_that_cannot_be_had_is_named(store: Store, server: tuple[str, list[str | None]]) -> None:
    wanted = [item(f"{server[0]}/none", path="a"), item("http://127.0.0.1:1/x", path="b", sha256="1" * 64)]
    with pytest.raises(HostError) as caught:
        artifacts.fetch(store, wanted, "one")
    assert [found.place for found in caught.value.findings] == ["one: artifacts.a", "one: artifacts.b"]
    assert "404" in caught.value.findings[0].message


@pytest.mark.parametrize("path", ["/babble", "/chunked"])
def test_a_server_that_does_not_speak_http_is_the_artifacts_own_problem(
    store: Store, server: tuple[str, list[str | None]], path: str
) -> None:
    with pytest.raises(HostError) as caught:
        artifacts.fetch(store, [item(server[0] + path), item("https://host:port/x", path="b")], "one")
    assert [found.place for found in caught.value.findings] == ["one: artifacts.b", "one: artifacts.resources/g1"]
    assert "nonnumeric port" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "size", "encrypted"),
    [("g1", len(CONTENT), False), ("g1", None, False), ("g1", len(CONTENT), True), ("unannounced", len(CONTENT), False)],
)
def test_a_download_goes_on_where_the_line_dropped(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, size: int | None, encrypted: bool
) -> None:
    tls = None
    if encrypted:
        (tmp_path / "trust").mkdir()
        lab: Any = SimpleNamespace(trust=tmp_path / "trust", name="test")
        tls = trust.server(lab, "artifacts", ["localhost"], "127.0.0.1")
        monkeypatch.setenv("SSL_CERT_FILE", str(trust.authority(lab).path))
    with serving(tmp_path / "www", tls, cuts=[3000, 2000]) as (url, asked):
        wanted = item(f"{url}/{name}", size=size)
        for _attempt in range(2):
            with pytest.raises(HostError, match="broke off after"):
                artifacts.fetch(store, [wanted], "one")
            assert os.listdir(store.artifacts) == [wanted.sha256 + ".partial"]
        artifacts.fetch(store, [wanted], "one")
    assert asked == [None, "bytes=3000-", "bytes=5000-"]
    assert Path(store.artifacts, wanted.sha256).read_bytes() == CONTENT
