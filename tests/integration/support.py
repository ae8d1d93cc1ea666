# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as the tests see it: its hosts over ssh, and playbooks run as an operator runs them."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.core import COMPILED, bin_folder, collections_path
from tests.integration.terminal import at_terminal

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / ".lab"
BIN = bin_folder()


@dataclass(frozen=True)
class Host:
    """One lab host; commands run there by ssh as root."""

    name: str
    variables: Mapping[str, Any]
    # Seconds a command may take.
    patience: float = 180

    def ssh(self) -> list[str]:
        return [
            "ssh",
            *shlex.split(str(self.variables.get("ansible_ssh_common_args", ""))),
            "-o",
            "ControlMaster=auto",
            "-o",
            f"ControlPath={LAB}/ssh/mux-%h",
            "-o",
            "ControlPersist=120",
            "-i",
            str(self.variables["ansible_ssh_private_key_file"]),
            f"{self.variables.get('ansible_user', 'root')}@{self.variables['ansible_host']}",
        ]

    def run(self, command: str, check: bool = True, stdin: str | None = None) -> str:
        done = subprocess.run(
            [*self.ssh(), command], input=stdin or "", capture_output=True, text=True, errors="replace", timeout=self.patience, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{self.name}: {command!r} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def inspect(self, names: Iterable[str]) -> list[dict[str, Any]]:
        return json.loads(self.run("docker inspect " + " ".join(shlex.quote(name) for name in names)))

    def containers(self) -> dict[str, str]:
        """Name -> id of all containers."""
        lines = self.run("docker ps -a --no-trunc --format '{{.Names}} {{.ID}}'").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def snapshot(self) -> str:
        """Everything a refused run must leave alone, as text that can be compared: containers, volumes, networks, files."""
        return self.run(
            "docker ps -a --no-trunc --format '{{.ID}} {{.Image}} {{.Names}} {{.State}}' | sort; "
            "docker volume ls -q | sort; docker network ls --no-trunc --format '{{.ID}} {{.Name}}' | sort; "
            "for d in /var/lib/avs /run/avs /run/lock/avs /usr/local/lib/avs; do [ -d $d ] && find $d -printf '%p %y %m %U:%G %l\\n' | sort "
            "&& find $d -type f -print0 | sort -z | xargs -0r sha256sum; done; true"
        )

    def now(self) -> str:
        return self.run("date +%s.%N").strip()

    def answered(self, since: str) -> list[str]:
        """Who answered each call to this host since then, as its log has it: ``avsctl`` or ``module``."""
        mark = secrets.token_hex(8)
        show = f"journalctl --no-pager -q -o cat -t restaking.avs --since=@{since}"
        # What was logged before the mark is in the journal once the mark is.
        self.run(f"logger -t restaking.avs {mark}; timeout 30 sh -c 'until {show} | grep -q {mark}; do sleep 0.1; done'")
        return [line.rsplit(" ", 1)[-1] for line in self.run(show).splitlines() if " instances, for " in line]


@dataclass
class Result:
    """What a playbook run printed, and its parsed statistics."""

    code: int
    output: str
    plays: list[dict[str, Any]] = field(default_factory=list)
    stats: dict[str, dict[str, int]] = field(default_factory=dict)

    def tasks(self, host: str) -> list[str]:
        """Names of the tasks that were executed (not skipped) on a host."""
        names = []
        for play in self.plays:
            for task in play["tasks"]:
                outcome = task["hosts"].get(host)
                if outcome is not None and not outcome.get("skipped"):
                    names.append(task["task"]["name"])
        return names

    def reconcile(self, host: str) -> dict[str, Any]:
        """The result of the ``instances`` task on a host."""
        for play in self.plays:
            for task in play["tasks"]:
                outcome = task["hosts"].get(host)
                if outcome is not None and "instances" in outcome:
                    return outcome
        raise AssertionError(f"no instances result for {host} in\n{self.output[-4000:]}")

    def failure(self, host: str) -> dict[str, Any]:
        """The result of the failed task on a host."""
        for play in self.plays:
            for task in play["tasks"]:
                outcome = task["hosts"].get(host)
                if outcome is not None and outcome.get("failed"):
                    return outcome
        raise AssertionError(f"nothing failed on {host}:\n{self.output[-4000:]}")

    def message(self, host: str) -> str:
        """The text of the failed task on a host."""
        return str(self.failure(host).get("msg", ""))


@dataclass
class Typed:
    """What an operator types in a run, what stands on the terminal before, and what stands there at the end."""

    answers: list[str]
    planted: str = ""
    shown: str = ""


class Fleet:
    """The hosts of a group of the lab's inventory, with instances of the test's choice."""

    def __init__(self, folder: Path, group_name: str = "avs_hosts") -> None:
        self.folder = folder
        inventory = yaml.safe_load((LAB / "inventory.yml").read_text())
        group = inventory.get("all", inventory)
        group = group.get("children", group)[group_name]
        shared = group.get("vars", {})
        self.hosts = {name: Host(name, {**shared, **(values or {})}) for name, values in group["hosts"].items()}
        self.facts: dict[str, Any] = yaml.safe_load((LAB / "vars.yml").read_text())
        self.variables: dict[str, Any] = {}
        # The ansible-core its playbooks run on; ``None``: the one the run was started for.
        self.core: str | None = None
        # Whether site and install take all hosts at once, unless a test says otherwise: by default one goes first, which takes twice as long.
        self.at_once = True

    @property
    def first(self) -> Host:
        return next(iter(self.hosts.values()))

    def environment(self, **extra: str) -> dict[str, str]:
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "VAULT_", "BAO_"))}
        return {
            **keep,
            "PATH": f"{bin_folder(self.core)}:{os.environ['PATH']}",
            "PYTHONPATH": str(COMPILED),
            "ANSIBLE_COLLECTIONS_PATH": collections_path(ROOT / ".cache" / "collections"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            **extra,
        }

    def write_inventory(self, instances: Mapping[str, list[dict[str, Any]]], variables: Mapping[str, Any]) -> Path:
        folder = self.folder / "inventory"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "host_vars").mkdir(parents=True)
        hosts = {name: dict(self.hosts[name].variables) for name in instances}
        (folder / "hosts.yml").write_text(yaml.safe_dump({"avs_hosts": {"hosts": hosts, "vars": {**self.variables, **variables}}}))
        for name, entries in instances.items():
            (folder / "host_vars" / f"{name}.yml").write_text(yaml.safe_dump({"avs_instances": entries}))
        return folder

    def play(
        self,
        playbook: str,
        instances: Mapping[str, list[dict[str, Any]]],
        *arguments: str,
        variables: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        parse: bool = True,
        timeout: int = 600,
        typed: Typed | None = None,
    ) -> Result:
        """Run ``restaking.avs.<playbook>``, or a file where it is a path; ``parse`` reads the run through the JSON callback, else the text is kept.
        ``typed``: at a terminal."""
        inventory = self.write_inventory(instances, variables or {})
        name = playbook if "/" in playbook else f"restaking.avs.{playbook}"
        extra = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"} if parse else {}
        at_once = (
            ["-e", "avs_serial=100%"] if self.at_once and playbook in ("site", "install") and "avs_serial" not in "".join(arguments) else []
        )
        command = [str(bin_folder(self.core) / "ansible-playbook"), name, "-i", str(inventory), *at_once, *arguments]
        whole = self.environment(**{**extra, **(environment or {})})
        if typed is not None:
            code, output, typed.shown = at_terminal(
                command, typed.answers, cwd=self.folder, env=whole, timeout=timeout, planted=typed.planted
            )
            return Result(code, output)
        done = subprocess.run(
            command, env=whole, cwd=self.folder, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False
        )
        result = Result(done.returncode, done.stdout + done.stderr)
        if parse:
            start = done.stdout.find("{\n")
            if start < 0:
                raise AssertionError(f"no JSON in the output of {playbook}:\n{result.output}")
            data, _end = json.JSONDecoder().raw_decode(done.stdout[start:])
            result.plays, result.stats = data["plays"], data["stats"]
        return result


def lab(*arguments: str) -> str:
    """What a command of the lab prints, such as the name of a host it added."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def ready_fleet(folders: pytest.TempPathFactory, login: Mapping[str, Any], group_name: str = "avs_hosts") -> Fleet:
    """A group of the lab's inventory as it stands, and the variables every test's inventory has."""
    fleet = Fleet(Path(folders.mktemp("fleet")), group_name)
    fleet.variables = {
        "avs_taps": [{"name": "core", "url": fleet.facts["lab_tap_url"]}],
        "docker_daemon_options": {"registry-mirrors": [fleet.facts["lab_registry_mirror"]]},
        "avs_cache_dir": str(folders.getbasetemp() / "cache"),
        **login,
    }
    return fleet


@contextmanager
def lab_fleet(folders: pytest.TempPathFactory, login: Mapping[str, Any], only: str | None = None) -> Iterator[Fleet]:
    """The lab's hosts, or the ``only`` one asked for, without instances, and the variables every test's inventory has."""
    fleet = ready_fleet(folders, login)
    fleet.hosts = {name: host for name, host in fleet.hosts.items() if only in (None, name)}
    for host in fleet.hosts.values():
        wipe(host)
    yield fleet
    for host in fleet.hosts.values():
        wipe(host)


def wipe(host: Host) -> None:
    """Remove every instance of ours, by label, with volumes and files."""
    host.run(
        'ids=$(docker ps -aq --filter label=avs.instance); [ -z "$ids" ] || docker rm -f $ids >/dev/null; '
        'nets=$(docker network ls -q --filter name=avs-); [ -z "$nets" ] || docker network rm $nets >/dev/null; '
        'vols=$(docker volume ls -q --filter name=avs-); [ -z "$vols" ] || docker volume rm $vols >/dev/null; '
        "systemctl stop 'avs-backup@*' 'avs@*.service' avs-recover.service 2>/dev/null; "
        "rm -rf /var/lib/avs /run/avs /run/avs-units /run/lock/avs /usr/local/lib/avs /usr/local/sbin/avsctl "
        "/usr/local/share/bash-completion/completions/avsctl; "
        "cd /etc/systemd/system && rm -rf avs@.service avs-recover.service avs-backup@* *.wants/avs* && systemctl daemon-reload; "
        "systemctl reset-failed 'avs*' 2>/dev/null; true"
    )
