# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A canary password, key and token go through every kind of run; nothing that stays behind may contain them."""

from __future__ import annotations

import json
import secrets
import threading
from pathlib import Path
from typing import Any

import hvac
import pytest

from tests.integration.support import Fleet, Host
from tests.lab.keystores import make_keystore

# What a host keeps or shows: files, the journal, container logs, command lines, and the environment of the host's own processes.
PLACES = (
    "find /root/.ansible /var/lib/avs /tmp /var/tmp /var/log -xdev -type f -exec cat {} + 2>/dev/null; "
    "journalctl --no-pager -o cat 2>/dev/null; for c in $(docker ps -aq); do docker logs $c 2>&1; done"
)
PROCESSES = (
    "mine=$(readlink /proc/1/ns/mnt); for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; "
    '[ "$(readlink $p/ns/mnt)" = "$mine" ] && tr "\\0" " " <$p/environ; echo; done 2>/dev/null'
)


class Watch:
    """Samples the host's processes while a playbook runs."""

    def __init__(self, host: Host) -> None:
        self.host, self.seen, self.done = host, [], threading.Event()
        self.thread = threading.Thread(target=self.sample)

    def sample(self) -> None:
        while not self.done.is_set():
            self.seen.append(self.host.run(PROCESSES))
            self.done.wait(0.2)

    def __enter__(self) -> Watch:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()


@pytest.fixture(scope="module")
def canaries(vault: hvac.Client) -> dict[str, str]:
    """Secrets as stored: two passwords, the encrypted part of both keystores, one token."""
    found = {}
    for name, kind in (("bls", "bn254"), ("ecdsa", "ecdsa")):
        password = f"canary-{secrets.token_hex(12)}"
        keystore, _public = make_keystore(kind, password, None, 4096)
        vault.secrets.kv.v2.create_or_update_secret(
            path=f"avs/canary/{name}", secret={"keystore": keystore, "password": password}, mount_point="secret"
        )
        parsed = json.loads(keystore)
        crypto = parsed.get("crypto", parsed.get("Crypto"))
        found[f"{name} password"] = password
        found[f"{name} key"] = crypto["ciphertext"]
    found["token"] = f"canary-{secrets.token_hex(12)}"
    vault.secrets.kv.v2.create_or_update_secret(
        path="avs/canary/rpc", secret={"token": found["token"]}, mount_point="secret"
    )
    return found


def leaks(canaries: dict[str, str], text: str) -> list[str]:
    return [name for name, value in canaries.items() if value in text]


def test_nothing_leaks(
    fleet: Fleet, demo: Any, canaries: dict[str, str], approle: dict[str, Any], tmp_path: Path
) -> None:
    host = fleet.first
    home = tmp_path / "home"
    home.mkdir()
    log = tmp_path / "ansible.log"
    environment = {
        "HOME": str(home),
        "ANSIBLE_LOG_PATH": str(log),
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "facts"),
    }
    references = [
        {"name": name, "kind": kind, "source": "vault", "path": f"avs/canary/{name}"}
        for name, kind in (("bls", "bn254"), ("ecdsa", "ecdsa"))
    ]
    good = demo("canary", 60, keys=references)
    changed = {**good, "options": {**good["options"], "gateway-timeout": 4.5}}
    sick = {**good, "tag": "sick", "version": "v2.1.0", "gate_timeout": 6}
    sick["options"] = {**good["options"], "main-port": 8161, "metrics-port": 9461, "gateway-port": 8261}
    loud = ["-vvvv", "--diff"]
    seen: dict[str, str] = {}
    with Watch(host) as watch:
        for name, entries, extra, code in (
            ("check", [good], ["--check"], 0),
            ("install", [good], [], 0),
            ("change check", [changed], ["--check"], 0),
            ("change", [changed], [], 0),
            ("no change", [changed], [], 0),
        ):
            run = fleet.play("install", {host.name: entries}, *loud, *extra, environment=environment, parse=False)
            assert run.code == code, run.output[-4000:]
            seen[f"output of {name}"] = run.output
        # Same keys on a second instance are refused by design, so the failing instance gets them alone.
        gone = fleet.play(
            "install", {host.name: [{**good, "state": "absent"}]}, *loud, environment=environment, parse=False
        )
        assert gone.code == 0, gone.output[-4000:]
        failed = fleet.play("install", {host.name: [sick]}, *loud, environment=environment, parse=False)
        assert failed.code != 0 and "demo-avs-sick" in failed.output
        seen["output of failure"] = failed.output
        status = fleet.play("status", {host.name: [sick]}, *loud, environment=environment, parse=False)
        seen["output of status"] = status.output
    seen["processes"] = "\n".join(watch.seen)
    seen["host"] = host.run(PLACES)
    seen["controller"] = "\n".join(
        path.read_text(errors="replace")
        for path in [log, *tmp_path.rglob("*"), *fleet.folder.rglob("*")]
        if path.is_file()
    )
    assert {place: leaks(canaries, text) for place, text in seen.items() if leaks(canaries, text)} == {}
    for secret in (approle["ansible_hashi_vault_secret_id"],):
        written = [place for place, text in seen.items() if secret in text and place != "controller"]
        assert written == []


def test_the_search_finds_a_planted_secret(fleet: Fleet, canaries: dict[str, str]) -> None:
    host = fleet.first
    planted = canaries["bls password"]
    host.run("mkdir -p /var/lib/avs && cat >/var/lib/avs/planted", stdin=planted)
    try:
        assert leaks(canaries, host.run(PLACES)) == ["bls password"]
        with Watch(host) as watch:
            host.run(f"sh -c 'sleep 1; : {canaries['token']}'")
        assert leaks(canaries, "\n".join(watch.seen)) == ["token"]
    finally:
        host.run("rm -f /var/lib/avs/planted")
