# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that are not as they should be, and options that do not fit them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.integration.bad_input import packages as p
from tests.integration.bad_input.packages import COMPOSE, MANIFEST, PROFILE, RUNTIME, Edit, Package
from tests.integration.bad_input.refusal import BAD, ID, Entry, Problem, assert_problems, at, refused
from tests.integration.support import Fleet, Host


@dataclass(frozen=True)
class Case:
    """``edit`` changes the package, ``options`` the entry's; ``problems`` are all that is wrong, ``says`` what else has to be read."""

    name: str
    problems: tuple[Problem, ...]
    edit: Edit = p.as_it_is
    options: Entry = field(default_factory=dict)
    profile: str = "hoodi"
    tampered: bool = False
    says: tuple[str, ...] = ()


def of_entry(rule: str, *fields: str) -> tuple[Problem, ...]:
    return tuple((rule, f"{BAD}.{name}") for name in fields)


def of_file(rule: str, file: str, *fields: str) -> tuple[Problem, ...]:
    return tuple((rule, f"{BAD}: {file}: {name}") for name in fields)


def of_node(rule: str, *fields: str) -> tuple[Problem, ...]:
    """What the host finds, where the package was read and the instance has its id."""
    return tuple((rule, f"{ID}: {name}") for name in fields)


CASES = [
    Case("unknown profile", of_entry("INV-002", "profile"), profile="holesky", says=("mainnet, hoodi",)),
    Case("unknown option", of_entry("OPT-003", "options.main-prt"), options={"main-prt": 1}, says=("did you mean main-port?",)),
    Case(
        "a wrong value of every type",
        of_entry(
            "OPT-001", "options.main-port", "options.warm-up", "options.fee-share", "options.quorum-metrics", "options.node-name",
            "options.peers-file", "options.work-dir", "options.rpc-url", "options.log-level",
        ),
        options={
            "main-port": 80800, "warm-up": "2.5", "fee-share": "half", "quorum-metrics": "maybe", "node-name": "line\nbreak",
            "peers-file": "../peers.json", "work-dir": "a b", "rpc-url": "chain", "log-level": "loud",
        },
        says=("80800 is not a port (1-65535)", "of type port.", "of type path_dir."),
    ),
    Case(
        "values out of bounds",
        of_entry("OPT-001", "options.warm-up", "options.fee-share"),
        options={"warm-up": 601, "fee-share": -0.1},
        says=("at most 600", "at least 0.0"),
    ),
    Case(
        "hidden option without value",
        of_entry("OPT-002", "options.rpc-token"),
        options={"rpc-token": None},
        says=("a value is required (hidden option)",),
    ),
    Case(
        "checksum mismatch",
        of_file("PKG-013", "checksum.txt", "pkg/hoodi/.env"),
        p.text("pkg/hoodi/.env", "WARM_UP=2", "WARM_UP=3"),
        tampered=True,
    ),
    Case(
        "extra and missing file",
        of_file("PKG-013", "checksum.txt", "pkg/hoodi/extra.txt", "pkg/hoodi/peers.json"),
        p.together(p.new_file("pkg/hoodi/extra.txt"), p.no_file("pkg/hoodi/peers.json")),
        tampered=True,
        says=("is not listed", "there is no such file"),
    ),
    Case("malformed manifest", of_file("PKG-001", MANIFEST, "line 4"), p.text(MANIFEST, "name: demo-avs", "name: [demo-avs")),
    Case("malformed profile", of_file("PKG-001", PROFILE, "line 4"), p.text(PROFILE, "options:", "options: {")),
    Case("malformed runtime", of_file("PKG-001", RUNTIME, "line 2"), p.text(RUNTIME, "schema: 1", "schema: 1: 2")),
    Case("malformed compose", of_node("PKG-018", COMPOSE), p.text(COMPOSE, "services:", "services: [")),
    Case(
        "wrong types in every file",
        (
            *of_file("PKG-002", MANIFEST, "hardware_requirements.min_ram", "upgrade"),
            *of_file("PKG-002", PROFILE, "monitoring", "api"),
            *of_file(
                "PKG-016", RUNTIME, "compose", "keys", "privileges", "artifacts", "directories", "configs", "health", "metrics",
                "commands", "migrations", "volumes", "upgrade_before", "contact",
            ),
        ),
        p.together(
            p.fields(MANIFEST, upgrade=7, hardware_requirements={"min_ram": "much"}),
            p.fields(PROFILE, monitoring="all", api=8080),
            p.fields(
                RUNTIME, compose="docker-compose.yml", keys={}, privileges=["node"], artifacts={}, directories="data", configs=1,
                health="node_api", metrics={}, commands=["prune"], migrations={}, volumes=1, upgrade_before="soon", contact=["us"],
            ),
        ),
    ),
    Case("unknown runtime key", of_file("PKG-016", RUNTIME, "privilege"), p.text(RUNTIME, "privileges:", "privilege:")),
    Case("name with a path", of_file("PKG-005", MANIFEST, "name"), p.text(MANIFEST, "name: demo-avs", "name: ../demo")),
    Case(
        "profile name with a path",
        of_file("PKG-005", MANIFEST, "profiles[1]"),
        p.text(MANIFEST, "- hoodi", "- ../hoodi\n  - hoodi"),
    ),
    Case("symlink out of the tree", (("SRC-003", f"{BAD}: pkg/hoodi/passwd"),), p.link("pkg/hoodi/passwd", "/etc/passwd")),
    Case("symlinked folder", (("SRC-003", f"{BAD}: pkg/other"),), p.link("pkg/other", "hoodi")),
    Case(
        "env file out of the tree",
        of_file("PKG-016", RUNTIME, "compose.env_files[0]"),
        p.fields(RUNTIME, compose={"env_files": ["../../../etc/passwd"]}),
    ),
    Case("build", of_node("PKG-015", "services.node.build"), p.service(build=".")),
    Case(
        "privileged, host pid, engine socket, root of the host",
        of_node("PRIV-002", "services.node.privileged", "services.node.pid", "services.node.volumes", "services.node.volumes"),
        p.together(
            p.service(privileged=True, pid="host"),
            p.volume("/var/run/docker.sock:/var/run/docker.sock"),
            p.volume("/:/host"),
        ),
        says=("/ -> /host mounts", "mounts the engine's socket", "allow docker_sock", "allow host_root", "allow pid_host", "allow privileged"),
    ),
    Case(
        "image missing",
        of_node("IMG-006", "images.REGISTRY/demo-avs:9.9.9"),
        p.service(image="REGISTRY/demo-avs:9.9.9"),
        says=("does not exist",),
    ),
    Case("too few cores, told to stop", of_node("OPS-002", "requirements.min_cpu_cores"), p.requirements(min_cpu_cores=4096)),
    Case(
        "too little memory and disk, told to stop",
        of_node("OPS-002", "requirements.min_ram", "requirements.min_free_space"),
        p.requirements(min_ram=99999999, min_free_space=88888888),
        says=("99999999 MiB", "88888888 MiB"),
    ),
]  # fmt: skip


def test_bad_packages_each_with_all_that_is_wrong_with_it(
    fleet: Fleet, standing: tuple[Host, Entry], packages: Callable[[], Package], bad: Any
) -> None:
    """All of them in one inventory: none hides what is wrong with another."""
    host, good = standing
    entries, expected = [good], []
    for number, case in enumerate(CASES, start=1):
        package = packages()
        package.tamper(case.edit) if case.tampered else package.spoil(case.edit)
        entry = bad(package, number, profile=case.profile)
        entry["options"].update(case.options)
        entries.append(entry)
        places = [(rule, place.replace("REGISTRY", package.registry)) for rule, place in case.problems]
        expected += [(rule, at(number, place)) for rule, place in places]
    refusal = refused(fleet, host, entries)
    assert_problems(refusal, *expected)
    for number, case in enumerate(CASES, start=1):
        lines = refusal.lines(number)
        assert [word for word in case.says if word not in lines] == [], (case.name, lines)


def test_requirements_that_only_warn(fleet: Fleet, standing: tuple[Host, Entry], package: Package, demo: Any) -> None:
    """The node runs, and whoever looks at the result sees what its host lacks."""
    host, good = standing
    package.spoil(p.requirements(stop=False, min_cpu_cores=4096))
    warned = {**demo("warned", 42), "package": {"path": str(package.tree)}}
    del warned["version"]
    place = "demo-avs-warned: requirements.min_cpu_cores"
    before = host.snapshot()
    announced = fleet.play("install", {host.name: [good, warned]}, "--check")
    assert announced.code == 0, announced.output[-3000:]
    assert host.snapshot() == before
    done = fleet.play("install", {host.name: [good, warned]})
    assert done.code == 0, done.output[-3000:]
    for result in (announced.reconcile(host.name), done.reconcile(host.name)):
        instance = next(item for item in result["instances"] if item["id"] == "demo-avs-warned")
        found = [item for item in instance["findings"] if item["id"] == "OPS-002"]
        assert [(item["severity"], item["place"]) for item in found] == [("warning", place)]
        assert "4096 cores" in found[0]["message"] and found[0]["remedy"]
        assert any(place in text for text in result["warnings"]), result["warnings"]
    assert instance["health"]["status"] == "healthy"
