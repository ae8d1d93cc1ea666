# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A canary password, key and token go through every kind of run; nothing that stays behind, or shows meanwhile, may hold them.

Every place that is searched holds a control, a value of its own put there on purpose: a search that misses it is not looking.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import signal
import subprocess
import threading
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import hvac
import pytest
import yaml

from tests.integration.support import Fleet, Result, Typed
from tests.lab.keystores import make_keystore

PROBE = (Path(__file__).parent / "probes" / "sample.py").read_text()

# Not searched: /run/avs/<id> (tmpfs, keys and secrets.env, which nodes are started from) and the environment of containers with
# the engine's own files on it, because a package that wants a secret as a variable has no other way (KEY-003 warns of that).
HOST_FOLDERS = ("/var/lib/avs", "/usr/local/lib/avs", "/tmp", "/var/tmp", "/var/log", "/root", "/run/lock", "/dev/shm")
# Kept apart from the files, because systemd writes those in a format of its own.
JOURNAL = "journalctl --no-pager --all -o export --since @{since}"
LOGS = "for c in $(docker ps -aq); do docker inspect -f '{{.Name}}' $c; docker logs $c 2>&1; done"
FILES = "find {folder} -xdev -path /var/log/journal -prune -o -type f -print -exec cat {{}} + 2>/dev/null"
CONTROL = "leak-control"
SAMPLED = ("command line", "environment", "file")


def made_up() -> str:
    """A value that is escaped differently everywhere, around a core that is the same in every escape."""
    return f"canary-{secrets.token_hex(12)}\"\\/<'&"


def core(value: str) -> str:
    return value[: len("canary-") + 24]


def forms(value: str) -> Iterator[str]:
    """A value as it is, as JSON and JSON in JSON write it, in an address, and all that in base64 wherever it starts there."""
    once = json.dumps(value)[1:-1]
    texts = dict.fromkeys([value, once, json.dumps(once)[1:-1], once.replace("/", "\\/"), urllib.parse.quote(value)])
    for text in texts:
        yield text
        for offset in range(3):
            # Characters that the neighbours' bits are part of are left out.
            start, end = -(-offset * 8 // 6), (offset + len(text.encode())) * 8 // 6
            encoded = base64.b64encode(b"\0" * offset + text.encode()).decode()[start:end]
            yield encoded
            yield encoded.replace("+", "-").replace("/", "_")


def found(values: Mapping[str, str], text: str) -> list[str]:
    return [name for name, value in values.items() if any(form in text for form in forms(value))]


class Watch:
    """Processes and short-lived files of one machine, from the start of a ``with`` block to its end."""

    def __init__(self, prefix: list[str], folders: Iterable[str]) -> None:
        command = ["python3", "-c", PROBE, *folders]
        self.process = subprocess.Popen(
            [*prefix, shlex.join(command)] if prefix else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self.collect, daemon=True)
        self.seen: dict[str, str] = {}

    def collect(self) -> None:
        """Reads along, or the pipe is full at once and the watcher stands still."""
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)

    def __enter__(self) -> Watch:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", "nobody watches"
        self.reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            died = self.process.poll()
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.reader.join(60)
        finally:
            self.process.kill()
            self.process.wait()
        if kind is not None:
            return
        lines = [json.loads(line) for line in self.lines]
        assert died is None and lines and lines[-1][0] == "end", f"the watcher died: {died}"
        assert lines[-1][1] > 2, f"the watcher looked {lines[-1][1]} times only"
        for what in SAMPLED:
            self.seen[what] = "\n".join(text for name, text in lines if name == what)


class Ground:
    """All places, each with its control."""

    def __init__(self, fleet: Fleet, root: Path) -> None:
        self.fleet, self.host, self.root = fleet, fleet.first, root
        self.since = self.host.run("date +%s").strip()
        self.log = root / "ansible.log"
        self.folders = {
            "facts": root / "facts",
            "home": root / "home",
            "temporary": root / "tmp",
            "packages": Path(fleet.variables["avs_cache_dir"]),
            "working": fleet.folder,
        }
        for folder in self.folders.values():
            folder.mkdir(exist_ok=True)
        self.controls = {
            place: made_up()
            for place in (
                *(f"host {folder}" for folder in HOST_FOLDERS),
                "host journal",
                "host container logs",
                *(f"controller {name}" for name in self.folders),
                "controller log",
                "output",
                *(f"{side}, {what} while it ran" for side in ("host", "controller") for what in SAMPLED),
            )
        }
        self.local: subprocess.Popen[bytes] | None = None
        self.remote = ""

    def __enter__(self) -> Ground:
        """Plants every control but that of a container, for which there is no image yet."""
        for folder in HOST_FOLDERS:
            self.host.run(f"mkdir -p {folder} && cat >{folder}/{CONTROL}", stdin=self.controls[f"host {folder}"])
        self.host.run(f"cat >>/tmp/{CONTROL}", stdin=self.controls["host, file while it ran"])
        self.host.run(f"logger -t {CONTROL}", stdin=self.controls["host journal"])
        self.remote = self.host.run(f"setsid {shlex.join(self.shown('host'))} >/dev/null 2>&1 & echo $!").strip()
        for name in ("home", "temporary", "packages", "working"):
            (self.folders[name] / CONTROL).write_text(self.controls[f"controller {name}"])
        (self.folders["temporary"] / f"{CONTROL}-file").write_text(self.controls["controller, file while it ran"])
        self.local = subprocess.Popen(self.shown("controller"), start_new_session=True)
        return self

    def shown(self, side: str) -> list[str]:
        """A command that shows its controls for as long as it runs."""
        line, environment = (self.controls[f"{side}, {what} while it ran"] for what in SAMPLED[:2])
        return ["env", f"LEAK_CONTROL={environment}", "sh", "-c", "sleep 900; :", line]

    def __exit__(self, *_: object) -> None:
        if self.local is not None:
            os.killpg(self.local.pid, signal.SIGTERM)
            self.local.wait()
        self.host.run(
            f"kill -- -{self.remote}; docker rm -f {CONTROL}; rm -f " + " ".join(f"{folder}/{CONTROL}" for folder in HOST_FOLDERS),
            check=False,
        )

    def plant_container(self, node: str = "avs-demo-avs-canary-node") -> None:
        """A container whose log holds the control, in the image the installed node brought."""
        self.host.run(
            f"docker run -d --name {CONTROL} -i --entrypoint python3 "
            f"$(docker inspect -f '{{{{.Image}}}}' {node}) -c 'print(input())' >/dev/null"
        )
        self.host.run(
            f"timeout 60 docker attach --sig-proxy=false {CONTROL}", stdin=self.controls["host container logs"] + "\n", check=False
        )

    def playbook(self, name: str) -> str:
        """``restaking.avs.<name>`` between two looks at the host's facts; the controls are planted by ansible itself."""
        shown = {"output": self.controls["output"], "log": self.controls["controller log"]}
        before = [
            {"name": "Show the controls", "ansible.builtin.debug": {"msg": shown}},
            {
                "name": "Keep a control among the facts",
                "ansible.builtin.set_fact": {"leak_control": self.controls["controller facts"], "cacheable": True},
            },
        ]
        after = [{"name": "Show the facts", "ansible.builtin.debug": {"var": "ansible_facts"}}]
        plays = [
            {"name": "Before", "hosts": "avs_hosts", "gather_facts": True, "tasks": before},
            {"import_playbook": f"restaking.avs.{name}"},
            {"name": "After", "hosts": "avs_hosts", "gather_facts": True, "tasks": after},
        ]
        path = self.root / f"{name}.yml"
        path.write_text(yaml.safe_dump(plays, sort_keys=False))
        return str(path)

    def run(
        self, name: str, entries: list[dict[str, Any]], *arguments: str, more: Mapping[str, str] | None = None, typed: Typed | None = None
    ) -> tuple[Result, dict[str, str]]:
        """A run, as loud as can be, and what was seen of it: output, processes, files that came and went. ``more``: environment."""
        environment = {
            **(more or {}),
            "HOME": str(self.folders["home"]),
            "TMPDIR": str(self.folders["temporary"]),
            # A socket's path has 107 bytes at most.
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folders["home"] / ".c"),
            "ANSIBLE_LOG_PATH": str(self.log),
            "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.folders["facts"]),
        }
        watched = [str(self.folders["home"]), str(self.folders["temporary"])]
        with Watch(self.host.ssh(), ("/tmp", "/var/tmp", "/root", "/var/lib/avs", "/run/lock")) as there, Watch([], watched) as here:
            result = self.fleet.play(
                self.playbook(name),
                {self.host.name: entries},
                "-vvvv",
                "--diff",
                *arguments,
                environment=environment,
                parse=False,
                typed=typed,
            )
        assert "PLAY RECAP" in result.output
        seen = {"output": result.output}
        for side, watch in (("host", there), ("controller", here)):
            seen.update({f"{side}, {what} while it ran": text for what, text in watch.seen.items()})
        return result, seen

    def read(self) -> dict[str, str]:
        """What every place holds now."""
        seen = {f"host {folder}": self.host.run(FILES.format(folder=folder), check=False) for folder in HOST_FOLDERS}
        seen["host journal"] = self.host.run(JOURNAL.format(since=self.since))
        seen["host container logs"] = self.host.run(LOGS)
        seen["controller log"] = self.log.read_text(errors="replace")
        for name, folder in self.folders.items():
            seen[f"controller {name}"] = "\n".join(
                f"{path}\n{path.read_text(errors='replace')}"
                for path in folder.rglob("*")
                # The inventory is the operator's own, with the way into the store in it.
                if path.is_file() and not path.is_relative_to(self.fleet.folder / "inventory")
            )
        return seen

    def judge(self, moment: str, seen: Mapping[str, str], canaries: Mapping[str, str]) -> None:
        """The controls are found where they were put, the canaries nowhere."""
        missed = [place for place, text in seen.items() if not found({place: self.controls[place]}, text)]
        assert missed == [], f"{moment}: these were not really searched"
        leaks = {place: names for place, text in seen.items() if (names := found(canaries, text))}
        assert leaks == {}, moment


@pytest.fixture(scope="module")
def canaries(vault: hvac.Client, approle: dict[str, Any]) -> dict[str, str]:
    """Secrets as stored: two passwords, the encrypted part of both keystores, one token; and the way into the store."""
    values = {"store": approle["ansible_hashi_vault_secret_id"], "token": made_up()}
    for name, kind in (("bls", "bn254"), ("ecdsa", "ecdsa")):
        password = made_up()
        keystore, _public = make_keystore(kind, password, None, 4096)
        vault.secrets.kv.v2.create_or_update_secret(
            path=f"avs/canary/{name}", secret={"keystore": keystore, "password": password}, mount_point="secret"
        )
        parsed = json.loads(keystore)
        values[f"{name} password"] = password
        values[f"{name} key"] = parsed.get("crypto", parsed.get("Crypto"))["ciphertext"]
    vault.secrets.kv.v2.create_or_update_secret(path="avs/canary/rpc", secret={"token": values["token"]}, mount_point="secret")
    parts = {f"{name}, in part": core(value) for name, value in values.items() if value.startswith("canary-")}
    return {**values, **parts}


def test_nothing_leaks(fleet: Fleet, demo: Any, canaries: dict[str, str], tmp_path: Path) -> None:
    references = [
        {"name": name, "kind": kind, "source": "vault", "path": f"avs/canary/{name}"}
        for name, kind in (("bls", "bn254"), ("ecdsa", "ecdsa"))
    ]
    good = demo("canary", 60, keys=references)
    changed = {**good, "options": {**good["options"], "gateway-timeout": 4.5}}
    gone = {**good, "state": "absent"}
    # A second instance with the same keys is refused by design, so the one that fails gets them alone.
    sick = {**good, "tag": "sick", "version": "v2.1.0", "gate_timeout": 6}
    sick["options"] = {**good["options"], "main-port": 8161, "metrics-port": 9461, "gateway-port": 8261}
    away = {"avs_uninstall": ["demo-avs-canary", "demo-avs-sick"], "avs_uninstall_confirm": True, "avs_purge": True}
    runs: list[tuple[str, str, list[dict[str, Any]], tuple[str, ...], str]] = [
        # moment, playbook, instances, arguments, the instance whose files and logs are there to be searched afterwards
        ("check", "install", [good], ("--check",), ""),
        ("install", "install", [good], (), "demo-avs-canary"),
        ("check of a change", "install", [changed], ("--check",), ""),
        ("change", "install", [changed], (), "demo-avs-canary"),
        ("no change", "install", [changed], (), ""),
        ("status", "status", [changed], (), ""),
        ("removal", "install", [gone], (), ""),
        ("failure", "install", [sick], (), "demo-avs-sick"),
        ("status of the failure", "status", [sick], (), ""),
        ("purge", "uninstall", [], ("-e", json.dumps(away)), ""),
    ]
    with Ground(fleet, tmp_path) as ground:
        for moment, playbook, entries, arguments, there in runs:
            result, seen = ground.run(playbook, entries, *arguments)
            if moment == "failure":
                assert result.code == 2 and "demo-avs-sick did not become healthy" in result.output, result.output[-4000:]
            else:
                assert result.code == 0, f"{moment}: {result.output[-4000:]}"
            if moment == "install":
                ground.plant_container()
            ground.judge(f"during {moment}", seen, canaries)
            if there or moment == runs[-1][0]:
                places = ground.read()
                if there:
                    # A spec is kept once its gate has opened.
                    kept = ["state.json", "compose.json", *(["spec.json"] if result.code == 0 else [])]
                    files = [line for line in places["host /var/lib/avs"].splitlines() if f"/instances/{there}/" in line]
                    missing = [name for name in kept if not any(line.endswith(f"/{name}") for line in files)]
                    assert missing == [], f"after {moment}: these files were not there to be searched"
                    assert f"/avs-{there}-node\n" in places["host container logs"]
                assert "ansible_distribution" in places["controller facts"]
                ground.judge(f"after {moment}", places, canaries)


def test_the_search_knows_every_form() -> None:
    value = made_up()
    text = f"password={value}"
    escaped = json.dumps({"message": json.dumps({"password": value})})
    for written in (text, escaped, json.dumps(text), urllib.parse.quote(text)):
        assert found({"it": value}, written) == ["it"]
        for before in ("", "x", "xy"):
            data = f"{before}{written}, and more".encode()
            assert found({"it": value}, base64.b64encode(data).decode()) == ["it"]
            assert found({"it": value}, base64.urlsafe_b64encode(data).decode()) == ["it"]
    assert found({"it": value}, made_up()) == []


def test_a_watcher_that_dies_is_noticed(fleet: Fleet) -> None:
    for prefix in ([], fleet.first.ssh()):
        watch = Watch(prefix, ())
        with pytest.raises(AssertionError, match="the watcher died"), watch:
            watch.process.kill()
            watch.process.wait()
