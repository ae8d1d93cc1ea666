# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The blocks of the pages that need no host: read by the code they are for. Those that do are in tests/integration/test_pages.py."""

from __future__ import annotations

import ast
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import errors_of
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import Entry, parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import build_specs
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import Package, PackageRequest, load_package
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import parse_taps

from tests.tools.blocks import ROOT, Block, all_blocks, blocks_of, inline_commands, problems
from tests.tools.commands import problems_of, role_options
from tests.tools.documented import avs_variables, source_variables
from tests.unit.support.fakes import Numbered

BIN = Path(sys.executable).parent
PACKAGES = ROOT / "examples" / "packages" / "demo-avs"
TYPES = {"str": str, "int": int, "bool": bool, "list": list, "dict": dict}


def marked(*kinds: str) -> Any:
    found = all_blocks(*kinds)
    return pytest.mark.parametrize("block", found, ids=[block.place for block in found])


def variables_of(block: Block) -> Mapping[str, Any]:
    values = yaml.safe_load(block.text)
    assert isinstance(values, dict), block.place
    return values


def assert_inventory(values: Mapping[str, Any], cache: Path) -> None:
    """Every variable is one of ours and right; entries become specs of the example package."""
    roles = {name: options for path in ROOT.glob("roles/*/meta/argument_specs.yml") for name, options in role_options(path).items()}
    known = {*roles, *avs_variables(ROOT), *source_variables(ROOT / "plugins/plugin_utils/secrets")}
    assert set(values) <= known, set(values) - known
    for name, value in values.items():
        if name in roles:
            assert isinstance(value, TYPES.get(str(roles[name]["type"]), object)), name
    parse_taps(values.get("avs_taps", []), cache)
    entries, findings = parse_instances(values.get("avs_instances", []))
    built = build_specs(entries, lambda entry: example(entry, cache), Numbered(), findings)
    assert [str(found) for found in errors_of(built.findings)] == []
    assert len(built.specs) == len(values.get("avs_instances", []))


def example(entry: Entry, cache: Path) -> Package:
    """What the example tap has of the package the entry names."""
    name = str(entry.package).rpartition("/")[2]
    assert name == PACKAGES.name, f"{name} is no package of the example tap"
    return load_package(PackageRequest({"path": str(PACKAGES / str(entry.version))}, None, None), [], Cache(cache, None))


def test_every_block_says_how_it_is_tested_and_names_what_is_there() -> None:
    assert problems() == []


@marked("inventory", "inventory install")
def test_inventories(block: Block, tmp_path: Path) -> None:
    assert_inventory(variables_of(block), tmp_path)


@marked("entry")
def test_fields_of_an_entry(block: Block, tmp_path: Path) -> None:
    (first, *_others) = [other for other in all_blocks("inventory install") if other.page == "README.md"]
    (entry,) = variables_of(first)["avs_instances"]
    assert_inventory({"avs_instances": [{**entry, **variables_of(block)}]}, tmp_path)


def test_the_inventory_to_copy(tmp_path: Path) -> None:
    shared = yaml.safe_load((ROOT / "examples/inventory/group_vars/avs_hosts.yml").read_text())
    hosts = sorted((ROOT / "examples/inventory/host_vars").glob("*.yml"))
    assert hosts
    for path in hosts:
        assert_inventory({**shared, **yaml.safe_load(path.read_text())}, tmp_path)


def plays(block: Block) -> list[dict[str, Any]]:
    parts = yaml.safe_load(block.text)
    return parts if block.kind.startswith("playbook") else [{"hosts": "localhost", "gather_facts": False, "tasks": parts}]


@marked("playbook", "playbook package", "tasks")
def test_inventories_inside_plays_and_tasks(block: Block, tmp_path: Path) -> None:
    for play in plays(block):
        assert_inventory({name: value for name, value in play.get("vars", {}).items() if name.startswith("avs_")}, tmp_path)
        for task in play.get("tasks", []):
            instances = task.get("restaking.avs.instances", {}).get("instances", [])
            if not isinstance(instances, str):
                assert_inventory({"avs_instances": instances}, tmp_path)


def test_the_syntax_of_plays_and_tasks(tmp_path: Path) -> None:
    names = []
    for block in all_blocks("playbook", "playbook package", "tasks"):
        checked = plays(block)
        for task in [task for play in checked for task in play.get("tasks", [])]:
            # A module of nobody's stands for one of the reader's own.
            for name in [name for name in task if name.startswith("example.org.")]:
                task["ansible.builtin.debug"] = {"msg": task.pop(name)}
        names.append(block.place.replace("/", "_").replace(":", "_line_") + ".yml")
        (tmp_path / names[-1]).write_text(yaml.safe_dump(checked))
    done = run_playbook(tmp_path, "--syntax-check", "-i", "localhost,", *names)
    assert done.returncode == 0, done.stdout + done.stderr


@marked("playbook package")
def test_plays_of_a_packages_author(block: Block, tmp_path: Path) -> None:
    folder = tmp_path / "package"
    shutil.copytree(PACKAGES / "v1.0.0", folder)
    (folder / "play.yml").write_text(block.text)
    done = run_playbook(folder, "play.yml", ANSIBLE_STDOUT_CALLBACK="ansible.posix.json")
    ((task,),) = [play["tasks"] for play in json.loads(done.stdout)["plays"]]
    # A token in the environment is what the example package is told of, and the only thing.
    assert task["hosts"]["localhost"]["valid"] is True
    assert {found["id"] for found in task["hosts"]["localhost"]["findings"]} == {"KEY-003"}


def run_playbook(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    own = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache/collections"), "ANSIBLE_LOCALHOST_WARNING": "0", "HOME": str(folder)}
    command = [str(BIN / "ansible-playbook"), *arguments]
    return subprocess.run(command, cwd=folder, env={**kept, **own, **more}, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("name", ["profile.yml", "runtime.yml"])
def test_files_of_a_package(name: str, tmp_path: Path) -> None:
    own = Block("the example's own", 1, "yaml", name, (PACKAGES / "v1.0.0/pkg/hoodi" / name).read_text())
    for number, block in enumerate([own, *all_blocks(name)]):
        folder = tmp_path / str(number)
        shutil.copytree(PACKAGES / "v1.0.0", folder)
        (folder / "checksum.txt").unlink()
        (folder / "pkg/hoodi" / name).write_text(block.text)
        load_package(PackageRequest({"path": str(folder)}, None, None), [], Cache(tmp_path / "cache", None))


@marked("python")
def test_python_names_what_is_there(block: Block) -> None:
    tree = ast.parse(block.text)
    modules = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            modules.update({name.name: importlib.import_module(f"{node.module}.{name.name}") for name in node.names})
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    assert [ast.unparse(node) for node in used if node.value.id in modules and not hasattr(modules[node.value.id], node.attr)] == []


PAGE = """# A page
<!-- block: sketch -->
```
make nothing
```
- in a list:

  <!-- block: commands -->
  ```sh
  make demo
  ```

```yaml
a: 1
```
Try `make test`, or `ansible-playbook restaking.avs.site -i inventory`.
"""


def test_blocks_of_a_page() -> None:
    found = list(blocks_of(PAGE, "page.md"))
    assert [(block.line, block.language, block.kind, block.text) for block in found] == [
        (3, "", "sketch", "make nothing\n"),
        (9, "sh", "commands", "make demo\n"),
        (13, "yaml", "", "a: 1\n"),
    ]
    assert list(inline_commands(PAGE)) == [(16, "make test"), (16, "ansible-playbook restaking.avs.site -i inventory")]


def test_a_block_without_a_mark_is_named(tmp_path: Path) -> None:
    for name in ("README.md", "tests/lab/README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "README.md").write_text("```yaml\na: 1\n```\n<!-- block: nonsense -->\n```\nls\n```\n")
    first, second = problems(tmp_path)
    assert first.startswith("README.md:1: the block has no mark: write <!-- block: KIND -->")
    assert second.startswith("README.md:5: the mark 'nonsense' is unknown")


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("make demo    # a comment", None),
        ("make nonsense", "make has no target nonsense"),
        ("ansible-playbook restaking.avs.site -i inventory --limit host7 --check --diff", None),
        ("ansible-playbook restaking.avs.downgrade -i inventory", "there is no playbook restaking.avs.downgrade"),
        ("ansible-playbook restaking.avs.site -e avs_wrong=1", "-e avs_wrong: no variable of ours"),
        ("ansible-playbook restaking.avs.site -e '{\"avs_serial\": 1}' -e docker_upgrade=true", None),
        ("ansible-playbook restaking.avs.site --limits host7", "ansible-playbook --limits: not an option the pages use"),
        ('ansible all -i inventory -m restaking.avs.package_info -a \'{"package": "x"}\'', None),
        ('ansible all -m restaking.avs.package_info -a \'{"pakage": "x"}\'', "the module restaking.avs.package_info has no option pakage"),
        ("ansible all -m restaking.avs.packages -a '{}'", "there is no module restaking.avs.packages"),
        (".venv/bin/python -m tests.lab up --hosts 3 --engine newest", None),
        (".venv/bin/python -m tests.lab start", "python -m tests.lab start: python -m tests.lab: error: argument command: invalid choice"),
        ("python -m tests.tools.nonsense", "python -m tests.tools.nonsense: there is no such module"),
        ("cd /tmp && A=b frobnicate x", "frobnicate is no program this project knows"),
        (". tests/demo/environment; make lab", None),
        ("avsctl logs demo-avs-op1 --since 10m; avsctl --help", None),
        ("avsctl logs --json", "avsctl logs --json: the following arguments are required: ID"),
        ("avsctl list", "avsctl list: argument COMMAND: invalid choice"),
    ],
)
def test_what_a_command_names_is_there(command: str, problem: str | None) -> None:
    found = problems_of(command, ROOT)
    assert [text[: len(problem or "")] for text in found] == ([problem] if problem else [])


def test_every_kind_of_mark_is_used_or_read() -> None:
    assert {block.kind for block in all_blocks()} >= {"inventory", "inventory install", "playbook", "tasks", "commands", "sketch"}
