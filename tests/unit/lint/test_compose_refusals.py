# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What compose refuses; that it does is shown on a host, by the same packages (``tests/integration/host/test_agreement.py``)."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.docker import dotenv
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.lint.compose_graph import first_cycle
from ansible_collections.restaking.avs.plugins.plugin_utils.lint.compose_refusals import bad_reference, refused_yaml
from ansible_collections.restaking.avs.plugins.plugin_utils.lint.verdict import judge
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.locate import PackageRequest

from tests.unit.support.builders import PROFILE, package_files, write

HEAD = 'services:\n  main: {image: "registry.example.org/node:v1.0.0", environment: {U: "${RPC_URL}", P: "${MAIN_PORT}"}'


def refused(tmp_path: Path, cache: Cache, compose: str) -> list[str]:
    profile = {**PROFILE, "options": [option for option in PROFILE["options"] if not option.get("hidden")]}
    tree = write(tmp_path / "p", package_files(profile=profile, compose=compose))
    return [item.message for item in judge(PackageRequest({"path": str(tree)}), [], cache).findings if item.id == "PKG-018"]


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (", depends_on: [main]}\n", "dependency cycle detected: main -> main"),
        (", network_mode: 'service:other'}\n", 'service "main" depends on undefined service "other"'),
        (", networks: [far]}\n", 'service "main" refers to undefined network far'),
        (", configs: [c]}\n", 'service "main" refers to undefined config c'),
        (", extends: {service: gone}}\n", 'cannot extend service "main": service "gone" not found'),
        (", extends: main}\n", "Circular reference: main extends main"),
        (", env_file: gone.env}\n", "env file gone.env not found"),
        (", ports: ['80:0']}\n", "service ports services.main.ports is missing a target port"),
        (", mem_limit: '-1'}\n", "error decoding 'services[main].mem_limit': invalid size: '-1'"),
        (", oom_score_adj: 2000}\n", "services.main.oom_score_adj must be within -1000 and 1000"),
        (", volumes: }\n", "services.main.volumes must be a list"),
        ("}\n  x:\n", "services.x must be a mapping"),
        ("}\n  7: {image: x}\n", "Non-string key in services: 7"),
        (", cpus: .inf}\n", "json: unsupported value: .inf"),
        (
            ", hostname: 'a${RPC_URL'}\n",
            "invalid interpolation format for services.main.hostname: You may need to escape any $ with another $: ${RPC_URL",
        ),
        ("}\nvolumes:\n", "volumes must be a mapping"),
    ],
)
def test_compose_would_refuse_it(tmp_path: Path, cache: Cache, rest: str, message: str) -> None:
    assert refused(tmp_path, cache, HEAD + rest) == [message]


@pytest.mark.parametrize(
    "rest",
    [
        "}\n---\nservices: {main: {hostname: x}}\n",
        ", ports: [':33105:80']}\n",
        ", hostname: !!binary aGVsbG8=}\n",
        ", command: }\n",
        ", hostname: 'a$$b $ ${RPC_URL:-${MAIN_PORT:-1}}'}\n",
        ", env_file: [{path: gone.env, required: false}]}\n",
        ", mem_limit: '1.5 GiB'}\n",
        ", labels: {yes: a, on: b}}\n",
    ],
)
def test_compose_takes_it(tmp_path: Path, cache: Cache, rest: str) -> None:
    assert refused(tmp_path, cache, HEAD + rest) == []


def test_what_a_second_document_says_counts(tmp_path: Path, cache: Cache) -> None:
    found = refused(tmp_path, cache, HEAD + "}\n---\nservices: {main: {networks: [far]}}\n")
    assert found == ['service "main" refers to undefined network far']


def test_a_cycle_of_thousands_is_found_without_recursion() -> None:
    names = [str(number) for number in range(5000)]
    assert first_cycle(names, lambda name: [str((int(name) + 1) % 5000)]) == [*names, "0"]
    assert first_cycle(names, lambda name: [str(int(name) + 1)] if int(name) < 4999 else []) == []


@pytest.mark.parametrize("text", ["$$", "$", "a$ b", "$1", "${A}", "${A-}", "${A:?why}", "${A:-${B}}", "$$${A}", "$${B"])
def test_references_that_compose_understands(text: str) -> None:
    assert bad_reference(text) is None


@pytest.mark.parametrize("text", ["${", "${}", "${A", "${1}", "${A!}", "${A:-${B}", "${A?${C}", "$$${"])
def test_references_that_are_none(text: str) -> None:
    assert bad_reference(text) is not None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("%YAML 1.2\n---\na: 1\n", ["yaml: found incompatible YAML document"]),
        ("%YAML 1.1\n---\na: 1\n", []),
        (
            "a: {b: [{1: c}], 2.5: d, true: e, 'true': f, <<: {}}\n",
            ["Non-string key in a.b: 1", "Non-string key in a: 2.5", "Non-string key in a: true"],
        ),
        ("~: a\n", ["Non-string key at top level: ~"]),
    ],
)
def test_yaml_that_only_others_read(text: str, problem: list[str]) -> None:
    assert list(refused_yaml(text)) == problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A=1\nexport B='x\ny'\n# c\nC: d\nD\n", None),
        ('A=1\nB="x\n', "line 2: unterminated quoted value"),
        ("A B=2\n", "line 1: key cannot contain a space"),
        ("=x\n", "setenv: invalid argument"),
        ("A=x\0y\n", "setenv: invalid argument"),
        ("A!=1\n", "line 1: unexpected character in variable name"),
    ],
)
def test_env_files(text: str, problem: str | None) -> None:
    assert dotenv.problem(text) == problem


def test_a_secret_is_told_of_the_variable_that_reaches_the_container(tmp_path: Path, cache: Cache) -> None:
    """``own.env`` has lines of its own; what the package's variables are called is no concern of it."""
    option = {"name": "token", "target": "TOKEN", "type": "str", "hidden": True, "help": "h"}
    files = package_files(
        profile={**PROFILE, "options": [*PROFILE["options"][:0], option]},
        compose='services: {main: {image: "registry.example.org/node:v1.0.0", env_file: own.env, environment: {RPC_TOKEN: "${TOKEN}"}}}\n',
    )
    folder = next(name for name in files if name.endswith("docker-compose.yml")).rpartition("/")[0]
    tree = write(tmp_path / "p", {**files, f"{folder}/own.env": "A=1\nB=${A}\n"})
    found = judge(PackageRequest({"path": str(tree)}), [], cache).findings
    assert [item.message for item in found if item.id == "KEY-003"] == ["RPC_TOKEN holds a secret"]
