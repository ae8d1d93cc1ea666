# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs as AWX runs them: ``ansible-runner`` on the job templates, the credential and the playbook that docs/awx.md shows."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ansible_runner
import pytest
import yaml

from tests.core import bin_folder
from tests.integration.controller.conftest import Canaries
from tests.integration.controller.controller import ROOT, Controller, entry
from tests.integration.controller.openbao import OpenBao
from tests.integration.controller.test_cores import entry as small
from tests.integration.controller.test_cores import package
from tests.tools.blocks import all_blocks

SICK = {"id": "small-a", "version": "v1.0.0", "state": "started", "phase": "committed", "health": {"status": "unhealthy", "detail": "d"}}


def shown(kind: str) -> list[dict[str, Any]]:
    return [yaml.safe_load(block.text) for block in all_blocks(kind) if block.page == "docs/awx.md"]


JOBS = {job["avs_playbook"]: job for job in shown("job")}


class Runner:
    """What AWX does with a job: the project's playbook, extra variables, an environment."""

    def __init__(self, controller: Controller) -> None:
        self.controller, self.folder = controller, controller.folder / "runner"
        (self.folder / "project").mkdir(parents=True)
        (self.folder / "project/avs.yml").write_text(yaml.safe_dump(shown("playbook")[0]))
        (self.folder / "home").mkdir()

    def run(self, variables: Mapping[str, Any], environment: Mapping[str, str] | None = None, **options: Any) -> Any:
        # What one job was given is no other one's.
        shutil.rmtree(self.folder / "env", ignore_errors=True)
        _command, whole = self.controller.command()
        own = {name: value for name, value in whole.items() if name.startswith("ANSIBLE_COLLECTIONS")}
        path = f"{bin_folder(self.controller.core)}:{os.environ['PATH']}"
        return ansible_runner.run(
            private_data_dir=str(self.folder), playbook="avs.yml", inventory=str(self.controller.folder / "inventory.yml"), quiet=True,
            extravars={"avs_hosts_group": "all", "avs_become": False, **variables},
            envvars={**own, "PATH": path, "HOME": str(self.folder / "home"), **(environment or {})}, **options,
        )  # fmt: skip


def artifacts(run: Any) -> dict[str, Any]:
    (stats,) = [event for event in run.events if event["event"] == "playbook_on_stats"]
    return dict(stats["event_data"].get("artifact_data") or {})


@pytest.fixture
def runner(controller: Controller) -> Runner:
    controller.inventory({"h1": [small(package(controller.folder))], "h2": []}, {"avs_taps": []})
    return Runner(controller)


def test_every_template_of_the_page_is_run() -> None:
    assert set(JOBS) == {"status", "plan", "preflight", "outdated", "install", "prune"}


def test_a_status_that_is_not_well(runner: Runner) -> None:
    runner.controller.tells("h1", SICK)
    run = runner.run(JOBS["status"])
    assert (run.status, run.rc) == ("failed", 2) and "small-a is unhealthy" in run.stdout.read()
    assert [item["id"] for item in artifacts(run)["avs_report"]["instances"]] == ["small-a"]
    assert artifacts(run)["avs_summary"] == {"playbook": "status", "hosts": ["h2"], "failed": ["h1"]}


def test_a_job_in_which_every_host_fails(runner: Runner) -> None:
    runner.controller.tells("h1", SICK)
    run = runner.run(JOBS["status"], limit="h1")
    assert run.rc == 2 and artifacts(run)["avs_summary"] == {"playbook": "status", "hosts": [], "failed": ["h1"]}


def test_a_plan_an_install_and_nothing_more_to_do(runner: Runner) -> None:
    runner.controller.tells("h1", steps=[{"action": "create", "kind": "container", "name": "node"}])
    run = runner.run(JOBS["plan"])
    assert run.rc == 0 and [item["plan"] for item in artifacts(run)["avs_report"]["instances"]] == ["create container node"]
    run = runner.run(JOBS["install"], cmdline="--check")
    assert run.rc == 0 and run.stats["changed"] == {"h1": 1}
    run = runner.run(JOBS["install"])
    assert run.rc == 0 and run.stats["changed"] == {"h1": 1}
    (node,) = artifacts(run)["avs_report"]["instances"]
    assert (node["host"], node["id"], node["changed"]) == ("h1", "small-a", True)
    assert artifacts(run)["avs_summary"] == {"playbook": "install", "hosts": ["h1", "h2"], "failed": []}
    run = runner.run(JOBS["install"])
    assert run.rc == 0 and run.stats["changed"] == {}


def test_the_other_templates(runner: Runner) -> None:
    runner.controller.tells("h1", SICK)
    assert runner.run(JOBS["preflight"]).rc == 0
    run = runner.run(JOBS["outdated"])
    assert run.rc == 0 and artifacts(run)["avs_report"] == []
    run = runner.run(JOBS["prune"], limit="h1")
    assert run.rc == 0 and [item["host"] for item in artifacts(run)["avs_report"]["things"]] == ["h1"]


@pytest.mark.parametrize("name", ["nothing", "../../project/other", "restaking.avs.status", "", None, ["status"], "run"])
def test_another_name_is_refused(runner: Runner, name: Any) -> None:
    (runner.folder / "project/other.yml").write_text("- hosts: all\n  tasks: [{ansible.builtin.debug: {msg: did it}}]\n")
    run = runner.run({"avs_playbook": name} if name is not None else {})
    text = run.stdout.read()
    assert run.rc == 2 and "names no playbook" in text and "did it" not in text and artifacts(run) == {}
    assert run.stats["failures"] == {"h1": 1, "h2": 1}


def test_a_login_comes_from_the_environment(controller: Controller, canaries: Canaries, bao: OpenBao) -> None:
    controller.inventory({"h1": [entry(canaries.put("job"))]}, {})
    inventory = yaml.safe_load((controller.folder / "inventory.yml").read_text())
    del inventory["all"]["vars"]["ansible_hashi_vault_url"]
    (controller.folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
    role = bao.role()
    given = {"address": bao.url, "role_id": role["role_id"], "secret_id": role["secret_id"]}
    (injector,) = shown("credential")
    environment = {name: re.sub(r"\{\{ (\w+) \}\}", lambda match: given[match[1]], text) for name, text in injector["env"].items()}
    runner = Runner(controller)
    tokens = bao.tokens()
    run = runner.run(JOBS["install"], environment)
    assert run.rc == 0, run.stdout.read()
    left = "".join(path.read_text(errors="replace") for path in (runner.folder / "artifacts").rglob("*") if path.is_file())
    assert canaries.found_in(left + json.dumps(artifacts(run))) == [] and bao.tokens() == tokens


def test_the_table_has_every_playbook() -> None:
    text = (ROOT / "playbooks/run.yml").read_text()
    names = sorted(path.stem for path in Path(ROOT / "playbooks").glob("*.yml") if path.stem != "run")
    assert re.findall(r"'(\w+)': 'restaking\.avs\.(\w+)'", text) == [(name, name) for name in names]
    lists = [play["vars"]["_run_playbooks"] for play in yaml.safe_load(text) if "_run_playbooks" in play.get("vars", {})]
    assert lists == [names, names]
    comment = " ".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))
    assert f"required: {', '.join(names[:-1])} or {names[-1]}; another name" in comment
