# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package's plugin and commands on a real engine: what they reach, what they do not, and that nothing of them stays."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.commands import declared, one_off
from ansible_collections.restaking.avs.plugins.module_utils.commands.perform import Wish, perform
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError

from tests.integration.host.small import Small, Way
from tests.integration.host.support import IMAGE, RUN, Bench, docker

SHELL = f"avs-host-test/shell-{RUN}:1.0.0"
KEYS = [{"name": name, "kind": "file", "folder": "KEYS_DIR", "services": ["node"]} for name in ("one", "two")]
SECRETS = {name: f"secret of {name} 0123456789" for name in ("one", "two")}
COMMANDS: dict[str, Any] = {
    "shell": {"run": "plugin", "service": "node", "mounts": ["rows", "data/work:ro"], "needs": ["one"], "user": "1000:1000", "timeout": 20},
    "alone": {"run": "plugin", "network": "none", "timeout": 20},
    "root": {"run": "plugin", "service": "node", "read_only": False, "timeout": 20},
    "short": {"run": "plugin", "service": "node", "timeout": 2},
    "again": {"run": "run", "service": "node", "needs": ["two"], "timeout": 20},
    "inside": {"run": "exec", "service": "node", "args": ["sh", "-c"], "timeout": 2},
    "else": {"run": "plugin", "service": "node", "mounts": ["strange"], "timeout": 5},
}
SERVICES = {
    "node": {
        "volumes": ["rows:/data", "./work:/work", "${KEYS_DIR}:/keys:ro"],
        "user": "1000:1000",
        "environment": {"TELLS": "me", "TOKEN": "${TOKEN}"},
        "networks": ["inner"],
    },
    "apart": {"networks": ["outer"], "user": "1000:1000"},
}


@pytest.fixture(scope="module")
def shell() -> Iterator[None]:
    """An image whose containers do what their arguments say, as root."""
    made = docker("create", "--network", "none", IMAGE).strip()
    docker("commit", "--change", 'ENTRYPOINT ["sh", "-c"]', "--change", "USER root", "--change", "VOLUME /scratch", made, SHELL)
    docker("rm", "-f", made)
    yield
    docker("rmi", SHELL, check=False)


class Installed:
    """An instance whose plugin is a shell."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.id = bench, f"{bench.name}-a"
        for name, value in SECRETS.items():
            (folder / name).write_text(value)
        services = {name: {"entrypoint": ["sh", "-c"], "command": ["sleep infinity"], **service} for name, service in SERVICES.items()}
        case = Small(
            services=services,
            compose={"volumes": {"rows": {}}, "networks": {"inner": {}, "outer": {}}},
            env="KEYS_DIR=./keys\n",
            profile={
                "plugin_overrides": {"image": SHELL},
                "options": [{"name": "token", "target": "TOKEN", "type": "str", "help": "h", "hidden": True}],
            },
            runtime={
                "keys": KEYS,
                "commands": COMMANDS,
                "directories": [{"path": "work", "owner": "1000:1000"}],
                "health": {"type": "container", "steady": 1},
            },
            entry={
                "keys": [{"name": name, "kind": "file", "source": "file", "keystore": str(folder / name)} for name in SECRETS],
                "options": {"token": "token of the operator"},
            },
        )
        entry = Way(bench, folder).install({"a": case})["a"]
        assert entry["error"] is None, entry
        self.own = bench.store.instance(self.id)

    def run(self, name: str, *args: str, **wish: Any) -> dict[str, Any]:
        return perform(self.bench.store, self.bench.engine, [self.id], Wish(name, args, holder="test", lock_timeout=5, **wish))[0]

    def said(self, name: str, script: str, code: int = 0) -> str:
        done = self.run(name, script)
        assert done.get("code") == code, "\n".join(map(str, (done["error"], done.get("output"))))
        return str(done["output"])

    def left(self) -> list[str]:
        found = docker("ps", "-a", "--filter", f"label=avs.command={self.id}", "--format", "{{.Names}}").split()
        return [*found, *(path.name for path in Path(self.own.run).glob("command*"))]


@pytest.fixture(scope="module")
def node(bench: Bench, tmp_path_factory: pytest.TempPathFactory, shell: None) -> Installed:
    return Installed(bench, tmp_path_factory.mktemp("node"))


def test_it_has_what_it_declares_and_nothing_else(node: Installed) -> None:
    """A hostile plugin: for the host, another network, a key it did not declare."""
    before = node.bench.containers()
    script = """
    id -u; ls /keys; touch /data/x && echo wrote; touch /work/x 2>/dev/null || echo read-only; touch /x 2>/dev/null || echo no root
    getent hosts node > /dev/null && echo neighbour; getent hosts apart > /dev/null || echo no other network
    grep -E "^(CapEff|NoNewPrivs|CapBnd)" /proc/self/status | tr -d "\\t"; ls /var/run/docker.sock /run/docker.sock 2>/dev/null || echo no engine
    env | grep -c TOKEN; mount -t tmpfs x /tmp 2>/dev/null || echo no mount; test -t 0 -o -t 1 || echo no terminal; ls -A /keys | wc -l
    ls /sys/class/net | tr "\\n" " "; echo; head -c 5 /proc/1/cmdline | tr "\\0" " "; echo; unshare -U true 2>/dev/null || echo no namespace
    """
    assert node.said("shell", script).split("\n")[:-1] == [
        "1000", "one.json", "wrote", "read-only", "no root", "neighbour", "no other network", "CapEff:0000000000000000",
        "CapBnd:0000000000000000", "NoNewPrivs:1", "no engine", "0", "no mount", "no terminal", "1", "eth0 lo ", "sh -c", "no namespace",
    ]  # fmt: skip
    assert node.left() == [] and node.bench.containers() == before


def test_keys_and_networks_that_were_not_declared(node: Installed) -> None:
    assert node.said("alone", "ls /sys/class/net; ls -d /keys/* 2>/dev/null; id -u").split() == ["lo", "0"]
    assert node.said("root", "touch /x && echo wrote; cat /data/x /keys/* 2>&1 | sort -u | wc -l").split()[0] == "wrote"
    refused = node.run("else", "true")
    assert refused["findings"][0]["id"] == "CMD-001" and "strange is no volume of the package (rows)" in refused["error"]


def test_a_service_once_more(node: Installed) -> None:
    """Its image, environment and mounts; of keys the one it needs."""
    said = node.said(
        "again", "echo $TELLS; ls /keys; ls /data; test -w /work && echo works; echo $TOKEN; getent hosts node >/dev/null && echo neighbour"
    )
    assert said.split() == ["me", "two.json", "x", "works", "********", "neighbour"]


def test_what_it_says_is_masked_and_bounded(node: Installed) -> None:
    done = node.run("shell", "cat /keys/one.json; printf '\\033[2J'; head -c 300000 /dev/zero | tr '\\0' 'x'; echo end; exit 3")
    assert done["code"] == 3 and done["cut"] and done["output"].endswith("xend\n") and len(done["output"]) < one_off.MOST + 100
    assert "ended with 3" in done["error"] and SECRETS["one"] not in json.dumps(done)
    assert node.said("shell", "cat /keys/one.json; printf '\\033[2J'") == "********\\x1b[2J"


def test_its_time_ends_it(node: Installed) -> None:
    began = time.monotonic()
    done = node.run("short", "trap 'exit 5' TERM; echo begun; sleep 60 & wait")
    assert done["timed_out"] and done["output"] == "begun\n" and "because its 2 s were over" in done["error"] and done["code"] == 5
    assert node.left() == []
    # The engine ends no command in a container.
    done = node.run("inside", "echo begun; (sleep 61 & sleep 61)")
    assert done["timed_out"] and done["output"] == "begun\n" and node.left() == []
    assert "sleep 61" not in docker("top", f"avs-{node.id}-node") and time.monotonic() - began < 20


def test_no_secret_is_seen_while_it_runs(node: Installed) -> None:
    """In arguments of processes, in what the engine knows of its container, or in the journal."""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(json.dumps(node.run("shell", "cat /keys/one.json; sleep 1.5"))))
    thread.start()
    seen = ""
    deadline = time.monotonic() + 10
    while f"avs-command.{node.id}" not in docker("ps", "--format", "{{.Names}}"):
        assert time.monotonic() < deadline
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            seen += path.read_bytes().decode(errors="replace")
        except OSError:
            continue
    seen += docker("inspect", f"avs-command.{node.id}")
    nameless = [
        one["Name"] for one in json.loads(docker("inspect", f"avs-command.{node.id}"))[0]["Mounts"] if one["Destination"] == "/scratch"
    ]
    logged = docker("inspect", "-f", "{{.HostConfig.LogConfig.Type}} {{.LogPath}}", f"avs-command.{node.id}").strip()
    thread.join()
    assert "avs-command" in seen and not any(secret in seen + found[0] for secret in (*SECRETS.values(), "token of the operator"))
    assert len(nameless) == 1 and nameless[0] not in docker("volume", "ls", "-q").split()
    assert logged == "none" and not any(secret in Path(node.own.path("journal.jsonl")).read_text() for secret in SECRETS.values())


def test_what_is_not_there(node: Installed) -> None:
    done = node.run("shell", check=True)
    assert done["error"] is None and done["would"]["keys"] == ["/keys/one.json"] and done["would"]["user"] == "1000:1000"
    spec = node.own.spec()
    assert spec is not None
    with pytest.raises(HostError, match="could not be run"):
        one_off.run(
            node.bench.engine,
            node.own,
            one_off.replace(declared.one_off(node.bench.engine, node.own, spec, "shell"), image="sha256:" + "0" * 64),
        )
    assert node.left() == []
