# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbook runs of the action plugin and the lookup on local hosts, with a stand-in for the host's module."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.restaking.avs.plugins.module_utils.avsctl.install import FOLDER

from tests.core import COMPILED, OLDEST, bin_folder, collections_path
from tests.integration.controller import stand_ins
from tests.integration.controller.openbao import OpenBao
from tests.integration.terminal import at_terminal

ROOT = Path(__file__).resolve().parents[3]
PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - restaking.avs.instances:
        instances: "{{ avs_instances }}"
        cache_dir: "{{ folder }}/cache"
        settings: "{{ {'memory': folder ~ '/' ~ inventory_hostname ~ '.memory', 'die': die | default(false), 'wait': wait | default(0) | int} }}"
"""


@dataclass
class Run:
    """What a playbook run left: its output, and what the store was asked meanwhile."""

    code: int
    output: str
    asked: list[str]

    def outcome(self, host: str) -> dict[str, Any]:
        """The result of the last task on a host (runs with ``json`` only)."""
        start = self.output.index("{\n")
        data, _end = json.JSONDecoder().raw_decode(self.output[start:])
        result: dict[str, Any] = data["plays"][-1]["tasks"][-1]["hosts"][host]
        return result

    @property
    def data(self) -> dict[str, Any]:
        """All of it (runs with ``json`` only)."""
        found, _end = json.JSONDecoder().raw_decode(self.output[self.output.index("{\n") :])
        return dict(found)

    def tasks(self, host: str) -> dict[str, dict[str, Any]]:
        """Name -> result of the tasks that were not skipped on a host."""
        done = [task for play in self.data["plays"] for task in play["tasks"]]
        return {
            task["task"]["name"]: task["hosts"][host] for task in done if host in task["hosts"] and not task["hosts"][host].get("skipped")
        }


class Controller:
    """A folder with a collection, an inventory and playbooks."""

    def __init__(self, folder: Path, store: OpenBao, core: str = OLDEST) -> None:
        self.folder, self.store, self.core = folder, store, core
        collection = folder / "collections/ansible_collections/restaking/avs"
        (collection / "plugins/modules").mkdir(parents=True)
        for name in ("action", "doc_fragments", "lookup", "filter", "plugin_utils"):
            (collection / "plugins" / name).symlink_to(ROOT / "plugins" / name)
        # These hosts are this machine: what it may keep as a host of its own is not theirs.
        self.copies = folder / "copies"
        self.copies.mkdir()
        shutil.copytree(ROOT / "plugins/module_utils", collection / "plugins/module_utils", ignore=shutil.ignore_patterns("__pycache__"))
        install = collection / "plugins/module_utils/avsctl/install.py"
        install.write_text(install.read_text().replace(f'"{FOLDER}"', f'"{self.copies}"'))
        for name in ("galaxy.yml", "meta", "playbooks", "roles"):
            (collection / name).symlink_to(ROOT / name)
        stand_ins.put(collection / "plugins/modules")
        # These run on the controller alone: their action plugins read the arguments there.
        for name in ("package_info.py", "report_file.py", "rollout.py"):
            (collection / "plugins/modules" / name).symlink_to(ROOT / "plugins/modules" / name)
        self.log = folder / "ansible.log"

    def inventory(self, hosts: Mapping[str, Any], variables: Mapping[str, Any]) -> None:
        shared = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_hashi_vault_url": self.store.url,
            "folder": str(self.folder),
            "ansible_remote_tmp": f"{self.folder}/{{{{ inventory_hostname }}}}.tmp",
            **variables,
        }
        groups = {"all": {"hosts": {name: {"avs_instances": list(own)} for name, own in hosts.items()}, "vars": shared}}
        (self.folder / "inventory.yml").write_text(yaml.safe_dump(groups))

    def tells(self, host: str, *instances: Mapping[str, Any], **more: Any) -> None:
        """What a host says of its instances from now on."""
        path = self.folder / f"{host}.tmp" / "told.memory"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"instances": list(instances), **more}))

    def playbook(self, name: str, *arguments: str, json_output: bool = True, **extra: Any) -> Run:
        """A playbook of the collection on all hosts, with extra variables."""
        given = {"avs_hosts_group": "all", "avs_become": False, **extra}
        play = f"- import_playbook: restaking.avs.{name}\n"
        return self.play("-e", json.dumps(given), *arguments, play=play, json_output=json_output)

    def command(self, *arguments: str, play: str = PLAY, json_output: bool = True, **environment: str) -> tuple[list[str], dict[str, str]]:
        """A run's command line and its environment."""
        (self.folder / "play.yml").write_text(play)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "VAULT_", "BAO_"))}
        own = {
            "PYTHONPATH": str(COMPILED),
            "ANSIBLE_COLLECTIONS_PATH": collections_path(self.folder / "collections"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOG_PATH": str(self.log),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            "HOME": str(self.folder),
            **({"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"} if json_output else {}),
        }
        return [str(bin_folder(self.core) / "ansible-playbook"), "-i", "inventory.yml", "play.yml", *arguments], {
            **kept,
            **own,
            **environment,
        }

    def start(self, *arguments: str, play: str = PLAY, json_output: bool = True, **environment: str) -> subprocess.Popen[str]:
        """A run in a process group of its own."""
        command, whole = self.command(*arguments, play=play, json_output=json_output, **environment)
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=whole,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def play(self, *arguments: str, play: str = PLAY, json_output: bool = True, **environment: str) -> Run:
        before = len(self.store.audit())
        process = self.start(*arguments, play=play, json_output=json_output, **environment)
        stdout, stderr = process.communicate(timeout=600)
        output = stdout if json_output and stdout.lstrip().startswith("{") else stdout + stderr
        return Run(process.returncode, output, self.store.paths(before))

    def typed(self, answers: Sequence[str], *arguments: str, **environment: str) -> tuple[Run, str]:
        """A run at a terminal, and what the terminal echoed."""
        command, whole = self.command(*arguments, json_output=False, **environment)
        code, output, echoed = at_terminal(command, answers, cwd=self.folder, env=whole, timeout=120)
        return Run(code, output, []), echoed

    def left_behind(self, but: Iterable[str] = ()) -> str:
        """Everything below the folder but the stand-in's memory, files named in ``but`` and what is the collection's."""
        skipped = {"inventory.yml", *but}
        return "\n".join(
            path.read_text(errors="replace")
            for path in self.folder.rglob("*")
            if path.is_file()
            and path.suffix != ".memory"
            and path.name not in skipped
            and "collections" not in path.parts
            and "cache" not in path.parts
        )


def entry(tag: str, **changes: Any) -> dict[str, Any]:
    """An instance of the example package with secrets at ``avs/<tag>/``."""
    fields = {
        "package": {"path": str(ROOT / "examples/packages/demo-avs/v1.0.0")},
        "profile": "hoodi",
        "tag": tag,
        "options": {"rpc-token": {"source": "vault", "path": f"avs/{tag}/rpc", "field": "token"}},
        "keys": [
            {"name": "bls", "kind": "bn254", "source": "vault", "path": f"avs/{tag}/bls"},
            {"name": "ecdsa", "kind": "ecdsa", "source": "vault", "path": f"avs/{tag}/ecdsa"},
        ],
    }
    return {**fields, **changes}
