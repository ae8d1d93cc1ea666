# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A registry on loopback that serves what it was given: enough for an engine to pull an image of it, by a tag or by its digest."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class TinyRegistry:
    """``address`` is where references start."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.published: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def publish(self, name: str, tag: str) -> tuple[str, str]:
        """An image with one small file, another for every name and tag; returns its reference by tag and by digest."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            text = f"{name} {tag}".encode()
            entry = tarfile.TarInfo("hello")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
        layer = gzip.compress(packed.getvalue(), mtime=0)
        rootfs = {"type": "layers", "diff_ids": [_digest(packed.getvalue())]}
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/hello"]}, "rootfs": rootfs}).encode()
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": _MANIFEST,
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config), "digest": _digest(config)},
            "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": len(layer), "digest": _digest(layer)}],
        }).encode()  # fmt: skip
        self.blobs.update({_digest(layer): layer, _digest(config): config})
        self.manifests.update({f"{name}/{tag}": manifest, f"{name}/{_digest(manifest)}": manifest})
        references = f"{self.address}/{name}:{tag}", f"{self.address}/{name}@{_digest(manifest)}"
        self.published += references
        return references

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self._answer(body=False)

            def do_GET(self) -> None:
                self._answer(body=True)

            def _answer(self, body: bool) -> None:
                parts = self.path.removeprefix("/v2/").strip("/").split("/")
                data: bytes | None = b"{}" if parts == [""] else None
                if len(parts) >= 3 and parts[-2] == "manifests":
                    data = registry.manifests.get(f"{'/'.join(parts[:-2])}/{parts[-1]}")
                elif len(parts) >= 3 and parts[-2] == "blobs":
                    data = registry.blobs.get(parts[-1])
                self.send_response(404 if data is None else 200)
                data = data or b"{}"
                self.send_header("Content-Type", _MANIFEST if "manifests" in parts else "application/octet-stream")
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Docker-Content-Digest", _digest(data))
                self.end_headers()
                if body:
                    self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
