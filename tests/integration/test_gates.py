# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smallest packages the format allows: a profile that names a node API, one with a gate of its own, one that says nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.core import cores
from tests.integration.support import Fleet

# Serves 200 for whatever is asked.
SERVER = """
import http.server
class All(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200), self.end_headers(), self.wfile.write(b"{}")
http.server.ThreadingHTTPServer(("", 8080), All).serve_forever()
"""
PROFILES: dict[str, tuple[dict[str, Any], dict[str, Any] | None, list[str]]] = {
    "api": ({"api": {"service": "node", "port": 8080}}, None, ["python3", "-c", SERVER]),
    "http": ({}, {"schema": 1, "health": {"type": "http", "service": "node", "port": 8080}}, ["python3", "-c", SERVER]),
    "neither": ({}, None, ["sleep", "infinity"]),
}


@pytest.fixture(scope="module")
def package(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One package, a profile each, nothing in it that the format does not ask for."""
    tree = tmp_path_factory.mktemp("package")
    (tree / "pkg").mkdir()
    (tree / "pkg/manifest.yml").write_text(yaml.safe_dump({"version": "0.1.0", "name": "small", "profiles": list(PROFILES)}))
    for name, (profile, runtime, command) in PROFILES.items():
        service = {"image": f"{fleet.facts['lab_registry']}/demo-avs:1.0.0", "entrypoint": command, "init": True}
        (tree / "pkg" / name).mkdir()
        (tree / "pkg" / name / "profile.yml").write_text(yaml.safe_dump({"name": name, **profile}))
        (tree / "pkg" / name / "docker-compose.yml").write_text(yaml.safe_dump({"services": {"node": service}}))
        (tree / "pkg" / name / ".env").write_text("")
        if runtime:
            (tree / "pkg" / name / "runtime.yml").write_text(yaml.safe_dump(runtime))
    return tree


@pytest.mark.parametrize("core", cores())
def test_the_smallest_of_each_installs_and_stays(fleet: Fleet, package: Path, monkeypatch: pytest.MonkeyPatch, core: str) -> None:
    monkeypatch.setattr(fleet, "core", core)
    host = fleet.first
    entries = [{"package": {"path": str(package)}, "profile": name, "tag": f"{name}-{core}"} for name in PROFILES]
    first = fleet.play("install", {host.name: entries})
    assert first.code == 0, first.output[-4000:]
    found = {entry["id"]: entry["health"]["status"] for entry in first.reconcile(host.name)["instances"]}
    assert found == {f"small-{name}-{core}": "healthy" for name in PROFILES}
    before = host.containers()
    again = fleet.play("install", {host.name: entries})
    assert again.code == 0 and again.stats[host.name]["changed"] == 0, again.output[-4000:]
    assert host.containers() == before
    gone = fleet.play("install", {host.name: [{**entry, "state": "absent", "purge": True} for entry in entries]})
    assert gone.code == 0, gone.output[-4000:]
