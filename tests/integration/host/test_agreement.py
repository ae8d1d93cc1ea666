# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``package_info`` says of a package and what a host says of it are the same findings: rule, place and severity.

Every package there is goes through both: those of the examples, those that lie in a folder ``shared`` beside the checkout, small ones.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import ERROR, Finding, errors_of
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec
from ansible_collections.restaking.avs.plugins.module_utils.conflicts.subnets import check_subnets, subnets_wanted_twice
from ansible_collections.restaking.avs.plugins.module_utils.docker.compose import Compose
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Engine
from ansible_collections.restaking.avs.plugins.module_utils.policy.mounts import Layout, folders_of
from ansible_collections.restaking.avs.plugins.module_utils.policy.pipeline import HostRules, shape
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.resolve import resolve
from ansible_collections.restaking.avs.plugins.module_utils.system.files import copy_tree
from ansible_collections.restaking.avs.plugins.module_utils.system.scratch import Scratch
from ansible_collections.restaking.avs.plugins.module_utils.system.trees import tree_files
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import build_specs
from ansible_collections.restaking.avs.plugins.plugin_utils.lint.verdict import Intent, judge
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import Package, PackageRequest
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.profile import Profile
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Need
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import TapConfig

from tests.eigenda import WITHOUT
from tests.integration.host.disagreements import BOTH_REFUSE, BOTH_TAKE
from tests.integration.host.documented import FORMS, GATES, KEYS, PORTS, SET, STR
from tests.integration.host.small import PROFILE, Small, as_yaml
from tests.integration.host.support import ROOT
from tests.integration.host.test_verified import REFUSED, WORKS, node
from tests.lab.paths import this_lab
from tests.lab.tap import upstream_folder
from tests.unit.support.builders import GitRepo

SHARED = Path(upstream_folder(this_lab())).parents[1]
EXAMPLES = sorted((ROOT / "examples/packages").glob("*/v*"))
# Values of options that have none of their own, by type.
VALUES = {
    "port": 18000,
    "int": 1,
    "float": 1.5,
    "bool": True,
    "uri": "http://127.0.0.1:8545",
    "path_dir": "/srv/data",
    "path_file": "/srv/x",
}
# What only the host can know: its size.
OF_THE_HOST = ("OPS-002",)
Told = set[tuple[str, str, str]]


class Versions:
    """References without a store: which secrets there are is all that counts here."""

    def identify(self, needs: Sequence[Need]) -> tuple[dict[Need, dict[str, Any]], list[Finding]]:
        return {need: {"version": "1"} for need in needs}, []


@dataclass(frozen=True)
class Known:
    """A package and where it is; ``tap`` where it is an adapter's."""

    package: str | Mapping[str, str]
    version: str | None = None
    taps: tuple[TapConfig, ...] = ()
    exceptions: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)


def options_of(profile: Profile) -> dict[str, Any]:
    """A value for each option that has to have one."""
    given: dict[str, Any] = {}
    for number, option in enumerate(profile.options):
        if option.hidden:
            given[option.name] = {"source": "vault", "path": "avs/x", "field": option.name}
        elif option.default_text is None and not profile.env_values.get(option.target):
            value = VALUES.get(option.type, "x")
            choices = (option.validate or {}).get("options") or ["x"]
            given[option.name] = value + number if option.type == "port" else choices[0] if option.type == "select" else value
    return given


def keys_of(profile: Profile) -> list[dict[str, Any]]:
    return [{"name": key["name"], "kind": key["kind"], "source": "vault", "path": f"avs/{key['name']}"} for key in profile.runtime.keys]


def told(findings: Sequence[Finding]) -> Told:
    """Of findings about what compose files and ``runtime.yml`` make of services: rule, field, severity."""
    return {(item.id, item.place.partition(": ")[2] or item.place, item.severity) for item in findings if item.id not in OF_THE_HOST}


def of_services(findings: Sequence[Finding], profile: Profile) -> list[Finding]:
    """Those of a verdict that a host could make too. What a document alone says (its fields, its checksums) is the controller's."""
    files = tuple(f"{profile.compose_dir}/{name}".lstrip("/") for name in profile.compose_files)
    return [item for item in findings if item.place.startswith((f"profile {profile.name}: ", *files))]


def on_a_host(known: Known, package: Package, profile: Profile, options: Mapping[str, Any]) -> list[Finding]:
    entry = {"package": known.package, "profile": profile.name, "tag": "t", "options": dict(options), "keys": keys_of(profile)}
    entry |= {"version": known.version or "v1.0.0", "exceptions": list(known.exceptions)}
    entries, problems = parse_instances([entry])
    built = build_specs(entries, lambda _entry: package, Versions(), problems)
    assert [item.as_line() for item in errors_of(built.findings)] == []
    (spec,) = built.specs
    engine = Engine(run_command)
    with Scratch() as scratch:
        tree = scratch.folder(spec["id"])
        copy_tree(str(profile.tree), tree)
        compose = Compose(engine, f"avs-{spec['id']}", os.path.join(tree, spec["compose"]["dir"]))
        files = frozenset(tree_files(tree))
        written = "\n".join(profile.compose_path(name).read_text() for name in profile.compose_files)
        layout = Layout(tree, spec["compose"]["dir"], "/a/tree", "/a/data", "/a/keys", "/a/configs", files, folders_of(files), written)
        try:
            read = InstanceSpec.read(spec)
            shaped = shape(read, resolve(read, tree, "/a/keys", compose), layout, HostRules(1 << 30, "tag"))
            subnets = [*check_subnets(spec["id"], shaped.model, {}, {}), *subnets_wanted_twice([(spec["id"], shaped.model)])]
            return [*shaped.findings, *subnets]
        except HostError as error:
            return list(error.findings)


def differences(known: Known, folder: Path) -> dict[str, list[Told]]:
    """Profile -> what only ``package_info`` says, and what only the host says; nothing where they agree."""
    cache = Cache(folder / "cache", folder)
    request = PackageRequest(known.package, known.version)
    package = judge(request, known.taps, cache).package
    assert package is not None
    found = {}
    for profile in package.profiles.values():
        options = options_of(profile)
        verdict = judge(request, known.taps, cache, Intent(profile.name, options, known.exceptions))
        before, there = told(of_services(verdict.findings, profile)), told(on_a_host(known, package, profile, options))
        stopped = {item for item in there if item[0] == "PKG-018" and item[2] == ERROR and "services." not in item[1]}
        if stopped and there == stopped:
            # Compose refuses the files, and says no more than that; its warnings are lost with it.
            before = {item for item in before if item[2] == ERROR}
        if before != there:
            found[profile.name] = [before - there, there - before]
    return found


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_the_example_packages(folder: Path, tmp_path: Path) -> None:
    assert differences(Known({"path": str(folder)}), tmp_path) == {}


def test_the_example_adapter(tmp_path: Path) -> None:
    upstream = upstream_folder(this_lab()) / "2.7.0"
    if not upstream.is_dir() and os.environ.get(WITHOUT) == "1":
        pytest.skip(f"{upstream} is not there, and {WITHOUT}=1")
    repo = GitRepo(tmp_path / "upstream")
    shutil.copytree(upstream, repo.root, dirs_exist_ok=True)
    commit = repo.commit({})
    tap = tmp_path / "tap"
    shutil.copytree(ROOT / "examples/tap/packages/eigenda", tap / "packages/eigenda")
    (tap / "tap.yml").write_text("schema: 1\nname: core\n")
    for path in tap.rglob("runtime.yml"):
        runtime = yaml.safe_load(path.read_text())
        runtime["source"].update(git=repo.url, commit=commit)
        path.write_text(as_yaml(runtime))
    assert differences(Known("core/eigenda", "v2.7.0", (TapConfig("core", str(tap)),)), tmp_path) == {}


def field_packages() -> Iterator[Path]:
    yield from sorted(path.parents[1] for path in (SHARED / "field").glob("*/pkg/manifest.yml"))


def real_setups() -> Iterator[Path]:
    names = ("docker-compose.yml", "docker-compose.yaml")
    yield from sorted(path for name in names for path in (SHARED / "real").rglob(name))


def test_packages_of_the_field(tmp_path: Path) -> None:
    packages = list(field_packages())
    if not packages:
        pytest.skip(f"there are no packages in {SHARED / 'field'}")
    found = {folder.name: differences(Known({"path": str(folder)}), tmp_path) for folder in packages}
    assert {name: different for name, different in found.items() if different} == {}


def test_setups_of_real_teams(tmp_path: Path) -> None:
    """Compose files that never were packages, as they would be wrapped by somebody who adds nothing."""
    setups = list(real_setups())
    if not setups:
        pytest.skip(f"there are no compose files in {SHARED / 'real'}")
    found = {}
    for number, path in enumerate(setups):
        root = tmp_path / f"p{number}"
        Small(services={}).write(root, f"real-{number}")
        shutil.copytree(path.parent, root / "pkg" / PROFILE, dirs_exist_ok=True)
        (root / "pkg" / PROFILE / path.name).rename(root / "pkg" / PROFILE / "docker-compose.yml")
        found[str(path.relative_to(SHARED))] = differences(Known({"path": str(root)}), tmp_path)
    assert {name: different for name, different in found.items() if different} == {}


SMALL: dict[str, Small] = {
    **{f"works-{tag}": case for tag, case in WORKS.items()},
    **{f"refused-{tag}": case for tag, (case, _rule, _field) in REFUSED.items()},
    **{f"gate-{tag}": case for tag, case in GATES.items()},
    **{f"form-{tag}": case for tag, case in FORMS.items()},
    **{f"key-{tag}": case for tag, (case, _files) in KEYS.items()},
    **{f"port-{tag}": case for tag, (case, _addresses) in PORTS.items()},
    **{f"option-{tag}": case for tag, case in SET.items()},
    "build": node(build=".", image=None),
    "build-and-image": node(build={"context": "."}),
    "secrets": Small(
        services={"node": {"environment": ["URL=https://u:${HIDDEN}@h", "API_KEY=in-clear"]}, "other": {"env_file": [".env"]}},
        profile={"options": [STR]},
        env="HIDDEN=\nDB_PASSWORD=\n",
    ),
    "secret-beside-a-file": Small(
        services={"node": {"env_file": ["own.env"], "environment": {"RPC_TOKEN": "${TOKEN}"}}},
        profile={"options": [{**STR, "name": "token", "target": "TOKEN"}]},
        env="TOKEN=\n",
        files={"own.env": "A=1\nB=${A}\n"},
    ),
    "variables": node(environment={"A": "${NOWHERE}", "B": "$ALSO", "C": "${WITH:-default}", "D": "$${NOT}"}),
    "required": node(environment={"A": "${MUST:?say so}"}),
    "another-network": Small(
        services={
            "pause": {"ports": ["30303:30303", "30303:30303/udp", "9000-9002:9000-9002/udp", "[::1]:8551:8551", "${RANGE}:7000-7001"]},
            "app": {"network_mode": "service:pause", "depends_on": ["pause"], "volumes": ["./db/:/var/db/", "st:/st/"]},
        },
        compose={"volumes": {"st": {}}},
        env="RANGE=7000-7001\n",
        runtime={"privileges": {"pause": {"ports": {"30303": "public", "9000": "public", "RANGE": "loopback"}}, "app": {}}},
    ),
    "monitoring": Small(
        services={"node": {"container_name": "vendor"}, "off": {"profiles": ["x"]}},
        profile={"monitoring": {"targets": [{"service": name, "port": 1, "path": "/m"} for name in ("vendor", "off", "nobody")]}},
    ),
    "folders": node(volumes=["./a.d/:/etc/a.d", "./b.c:/etc/b.c", "./.d:/root/.d/", "./e.json:/e"]),
}


@pytest.mark.parametrize("tag", SMALL)
def test_small_packages(tmp_path: Path, tag: str) -> None:
    case = SMALL[tag]
    root = case.write(tmp_path / "package", "small")
    given = {name: value for name, value in case.entry.items() if name == "exceptions"}
    assert differences(Known({"path": str(root)}, exceptions=tuple(given.get("exceptions", ()))), tmp_path) == {}


@pytest.mark.parametrize("tag", [*BOTH_REFUSE, *BOTH_TAKE])
def test_what_compose_refuses_and_takes(tmp_path: Path, tag: str) -> None:
    """What compose refuses, both refuse, and nobody refuses what it takes."""
    case = {**BOTH_REFUSE, **BOTH_TAKE}[tag]
    known = Known({"path": str(case.write(tmp_path / "package", "small"))})
    cache = Cache(tmp_path / "cache", tmp_path)
    package = judge(PackageRequest(known.package), (), cache).package
    assert package is not None
    (profile,) = package.profiles.values()
    before = errors_of(judge(PackageRequest(known.package), (), cache, Intent(profile.name, {})).findings)
    there = errors_of(on_a_host(known, package, profile, {}))
    print("controller:", *(item.as_line() for item in before), "host:", *(item.as_line() for item in there), sep="\n  ")
    assert (bool(before), bool(there)) == (tag in BOTH_REFUSE,) * 2
    assert {item.id for item in before} == {item.id for item in there}
