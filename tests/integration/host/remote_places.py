# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places for copies on loopback: an S3 that moto plays, and a server of restic's own protocol that lets nobody remove anything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from tests.integration.host.quick_key import quick

REGION = "eu-central-1"
USER = "node"


class S3:
    """A bucket. ``address`` of a place in it."""

    def __init__(self, url: str) -> None:
        self.address = f"s3:{url}/bucket/avs"
        self._client: Any = boto3.client("s3", region_name=REGION, endpoint_url=url, aws_access_key_id="x", aws_secret_access_key="x")
        self._client.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})

    def quicken(self, name: str, password: str) -> None:
        [found] = self._client.list_objects_v2(Bucket="bucket", Prefix=f"avs/{name}/keys/")["Contents"]
        content = quick(self._client.get_object(Bucket="bucket", Key=found["Key"])["Body"].read(), password)
        self._client.delete_object(Bucket="bucket", Key=found["Key"])
        self._client.put_object(Bucket="bucket", Key=f"avs/{name}/keys/{hashlib.sha256(content).hexdigest()}", Body=content)


@contextmanager
def s3() -> Iterator[S3]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield S3("http://{}:{}".format(*server.get_host_and_port()))
    finally:
        server.stop()


class AppendOnly:
    """A server that speaks https://restic.readthedocs.io/en/stable/100_references.html#rest-backend, version 1. Only locks can be removed,
    and nothing is written twice. ``refused``: what it did not do."""

    def __init__(self, folder: Path, password: str) -> None:
        self.folder, self.refused = folder, []  # type: tuple[Path, list[str]]
        self._login = "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"rest:http://127.0.0.1:{self._server.server_address[1]}/avs/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, login: str, body: bytes) -> tuple[int, bytes]:
        if login != self._login:
            return 401, b"Unauthorized"
        place = self.folder / path.partition("?")[0].strip("/")
        if ".." in place.parts:
            return 400, b""
        if method == "POST" and path.endswith("?create=true"):
            for name in ("data", "index", "keys", "locks", "snapshots"):
                (place / name).mkdir(parents=True, exist_ok=True)
            return 200, b""
        if method in ("GET", "HEAD"):
            if place.is_dir():
                return 200, json.dumps([one.name for one in place.iterdir()]).encode()
            return (200, place.read_bytes()) if place.is_file() else (404, b"")
        if (method == "POST" and place.exists()) or (method == "DELETE" and place.parent.name != "locks"):
            self.refused.append(f"{method} {path}")
            return 403, b"Forbidden"
        place.unlink() if method == "DELETE" else place.write_bytes(body)
        return 200, b""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) if self.command == "POST" else b""
                code, found = outer.answer(self.command, self.path, self.headers.get("Authorization") or "", body)
                part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
                if part and code == 200:
                    code, found = 206, found[int(part[1]) : int(part[2]) + 1 if part[2] else None]
                self.send_response(code)
                self.send_header("Content-Length", str(len(found)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(found)

            do_HEAD = do_POST = do_DELETE = do_GET

            def log_message(self, *_arguments: object) -> None:
                pass

        return Handler
