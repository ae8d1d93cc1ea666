# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of repositories: which are allowed, and where their credentials go."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching import git as git_module
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.git import GitError, run_git
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.git_url import parse_git_url
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import PackageRequest, load_package
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import TapConfig

from tests.unit.support.builders import GitRepo, package_files

TOKEN = "glpat-very-secret-token"


@pytest.mark.parametrize("url", [
    "ext::sh -c touch% /tmp/x", "ext::true", "-oProxyCommand=true", "--upload-pack=true", "fd::3", "https://", "ssh://-oProxyCommand=x/y",
    "https://example.org/a\nb", "transport::https://x", "", "ftp://example.org/x", "relative/nowhere",
])  # fmt: skip
@pytest.mark.parametrize("local", [True, False])
def test_addresses_that_are_refused(url: str, local: bool) -> None:
    with pytest.raises(InputError):
        parse_git_url(url, local, "here")


@pytest.mark.parametrize("url", ["file:///srv/x.git", "/srv/x.git", "/"])
def test_only_the_operator_may_point_into_this_machine(url: str) -> None:
    assert parse_git_url(url, True, "here").protocols == ("file",)
    with pytest.raises(InputError, match="this machine"):
        parse_git_url(url, False, "here")


@pytest.mark.parametrize(("url", "shown", "protocols"), [
    (f"https://{TOKEN}@example.org/x.git", "https://example.org/x.git", ("https",)),
    (f"https://user:{TOKEN}@example.org:8443/x.git?private_token={TOKEN}", "https://example.org:8443/x.git", ("https",)),
    (f"ssh://git:{TOKEN}@example.org:22/x.git", "ssh://git@example.org:22/x.git", ("ssh",)),
    ("git@example.org:group/x.git", "git@example.org:group/x.git", ("ssh",)),
    ("https://[2001:db8::1]/x.git", "https://[2001:db8::1]/x.git", ("https",)),
])  # fmt: skip
def test_credentials_are_taken_off_addresses(url: str, shown: str, protocols: tuple[str, ...]) -> None:
    parsed = parse_git_url(url, False, "here")
    assert (parsed.url, parsed.protocols) == (shown, protocols)
    assert TOKEN not in f"{parsed!r} {parsed.url}"


def test_without_an_address_git_reaches_nothing(repo: GitRepo, tmp_path: Path) -> None:
    repo.commit({"x": "x"})
    with pytest.raises(GitError, match="not allowed"):
        run_git(repo.root, ["ls-remote", "--", repo.url])


@pytest.fixture
def smart_server(repo: GitRepo) -> Iterator[tuple[str, list[str]]]:
    """git's own http backend behind a password; yields its address and the Authorization headers it saw."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(b"")

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def answer(self, body: bytes) -> None:
            header = self.headers.get("Authorization")
            if header is None:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="x"')
                self.end_headers()
                return
            seen.append(header)
            path, _mark, query = self.path.partition("?")
            environment = {
                **os.environ,
                "GIT_PROJECT_ROOT": str(repo.root.parent),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": "user",
            }
            done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=True)
            head, _blank, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            """Quiet: the test's output is not the server's."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}/{repo.root.name}/.git", seen
    server.shutdown()
    server.server_close()


def test_credentials_reach_the_server_and_nothing_else(
    repo: GitRepo, cache: Cache, smart_server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, seen = smart_server
    repo.commit(package_files(), "v5.5.2")
    spoken: list[str] = []

    class Recorder(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, command: list[str], **options: object) -> None:
            spoken.append(json.dumps([command, options["env"]]))
            super().__init__(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(git_module.subprocess, "Popen", Recorder)
    package = load_package(PackageRequest({"git": f"http://user:{TOKEN}@{address}"}, "v5.5.2"), [], cache)
    assert seen
    assert package.source == f"http://{address}"
    on_disk = b"".join(path.read_bytes() for path in cache.root.parent.rglob("*") if path.is_file() and repo.root not in path.parents)
    assert TOKEN.encode() not in on_disk
    assert TOKEN not in "".join(spoken) + repr(package)


def test_an_error_does_not_show_credentials(cache: Cache) -> None:
    with pytest.raises(InputError) as caught:
        load_package(PackageRequest({"git": f"http://user:{TOKEN}@127.0.0.1:1/x.git"}, "v1.0.0"), [], cache)
    assert TOKEN not in str(caught.value) + repr(caught.value.findings)


def test_requests_and_taps_do_not_show_credentials() -> None:
    address = f"https://user:{TOKEN}@example.org/x.git"
    request = PackageRequest({"git": address}, "v1.0.0")
    assert TOKEN not in f"{request!r} {request.label} {TapConfig('core', address)!r}"
