# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose resolves a package apart from the host: nothing of it can be read, and no package can use it up."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec
from ansible_collections.restaking.avs.plugins.module_utils.docker.compose import Compose
from ansible_collections.restaking.avs.plugins.module_utils.docker.model import Resolved
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.resolve import resolve
from ansible_collections.restaking.avs.plugins.module_utils.system import confinement
from ansible_collections.restaking.avs.plugins.module_utils.system.confinement import DATA, PATIENCE
from ansible_collections.restaking.avs.plugins.module_utils.system.scratch import Scratch

from tests.integration.host.support import IMAGE, Bench

SPEC = InstanceSpec.read(
    {
        "id": "apart-x",
        "secrets": {},
        "env": {},
        "keys": [],
        "health": {"type": "container"},
        "compose": {"dir": "pkg/main", "files": ["docker-compose.yml"], "env_files": [".env"], "profiles": []},
    }
)
SERVICE: dict[str, Any] = {"image": IMAGE}
# Seconds: a person waits for the answer. The bound on the time itself is met only where two processors have much else to do.
SOON = PATIENCE + 60
MARK = "avs-test-mark-0123456789"


@pytest.fixture
def resolved(bench: Bench) -> Iterator[Any]:
    """Resolves a package of a compose file, an ``.env`` and other files; all of them may be text or data for YAML."""
    with Scratch() as scratch:

        def make(compose: Any, env: str = "", **files: str) -> Resolved:
            scratch.drop("apart-x")
            tree = Path(scratch.folder("apart-x"))
            folder = tree / "pkg" / "main"
            folder.mkdir(parents=True)
            (folder / "docker-compose.yml").write_text(compose if isinstance(compose, str) else yaml.safe_dump(compose, sort_keys=False))
            (folder / ".env").write_text(env)
            for name, text in files.items():
                (folder / name).write_text(text)
            return resolve(SPEC, str(tree), "/run/avs/apart-x/keys", Compose(bench.engine, "avs-apart-x", str(folder)))

        yield make


@pytest.fixture
def neighbour() -> Iterator[int]:
    """A process with something in its environment, of the user that compose was run as before: its process id."""
    line = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sleep", "600"]
    with subprocess.Popen(line, env={"PATH": os.environ["PATH"], "NEIGHBOUR": MARK}) as process:
        environ = Path(f"/proc/{process.pid}/environ")
        deadline = time.monotonic() + 10
        while MARK not in environ.read_text() or process.pid in (0, 1) or "sleep" not in Path(f"/proc/{process.pid}/comm").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield process.pid
        process.kill()


def refused(resolved: Any, compose: Any, env: str = "", **files: str) -> str:
    """What is said of a package that must be refused soon, within the memory a package may have."""
    started = time.monotonic()
    with pytest.raises(HostError) as caught:
        resolved(compose, env, **files)
    assert time.monotonic() - started < SOON
    # Of the biggest of all children so far, in KiB.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < (DATA + (256 << 20)) >> 10
    (problem,) = caught.value.findings
    assert problem.id == "PKG-018"
    assert len(problem.message) <= 2000
    assert MARK not in problem.as_line()
    return problem.as_line()


def with_env_file(path: Any) -> dict[str, Any]:
    return {"services": {"main": {**SERVICE, "env_file": [path]}}}


OUTSIDE = ["/etc/passwd", "/etc/hostname", "/proc/self/environ", "/proc/1/environ", "/proc/self/status", "/dev/zero", "/dev/stdin", "/proc/self/fd/0",
           "/usr/lib/os-release", "../../../../../../etc/hostname", "/program", "/out"]  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize(
    "field",
    [
        with_env_file,
        lambda path: {"services": {"main": {**SERVICE, "extends": {"file": path, "service": "main"}}}},
        lambda path: {"include": [path], "services": {"main": SERVICE}},
        lambda path: {"include": [{"path": "more.yml", "env_file": path}], "services": {"main": SERVICE}},
    ],
    ids=["env_file", "extends", "include", "include.env_file"],
)
def test_a_file_outside_of_the_package_is_not_there(resolved: Any, field: Any, path: str) -> None:
    """``/program``, compose itself, is there, and no text: it is refused like everything else."""
    text = refused(resolved, field(path), **{"more.yml": yaml.safe_dump({"services": {"other": SERVICE}})})
    assert path == "/program" or "a package is resolved apart from the host" in text


@pytest.mark.parametrize("field", ["env_file", "label_file"])
def test_the_environment_of_other_processes_is_out_of_reach(resolved: Any, neighbour: int, field: str) -> None:
    refused(resolved, {"services": {"main": {**SERVICE, field: [f"/proc/{neighbour}/environ"]}}})


def test_a_file_that_need_not_be_there_is_not_read_outside_of_the_package(resolved: Any, neighbour: int) -> None:
    found = resolved(with_env_file({"path": f"/proc/{neighbour}/environ", "required": False}))
    assert not found.model["services"]["main"].get("environment")


def test_a_pipe_and_a_link_are_no_files_to_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees hold neither; were there one all the same, compose neither waits for it nor gets out through it."""
    monkeypatch.setattr(confinement, "PATIENCE", 5)
    with Scratch() as scratch:
        for kind, target in (("pipe", ""), ("link", "/etc/passwd"), ("link", "/proc/self/environ")):
            scratch.drop("apart-x")
            tree = Path(scratch.folder("apart-x"))
            folder = tree / "pkg" / "main"
            folder.mkdir(parents=True)
            (folder / "docker-compose.yml").write_text(yaml.safe_dump(with_env_file("./odd")))
            (folder / ".env").write_text("")
            if kind == "link":
                (folder / "odd").symlink_to(target)
            else:
                os.mkfifo(folder / "odd")
            started = time.monotonic()
            with pytest.raises(HostError) as caught:
                resolve(SPEC, str(tree), "/k", Compose(bench.engine, "avs-apart-x", str(folder)))
            assert "PKG-018" in {item.id for item in caught.value.findings}
            assert time.monotonic() - started < SOON


@pytest.mark.parametrize("section", ["configs", "secrets"])
@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/1/environ"])
def test_files_that_are_mounted_are_judged_not_read(bench: Bench, tmp_path: Path, section: str, path: str) -> None:
    (tmp_path / "pkg" / "hoodi").mkdir(parents=True)
    document = {"services": {"main": {**SERVICE, section: ["odd"]}}, section: {"odd": {"file": path}}}
    (tmp_path / "pkg" / "hoodi" / "docker-compose.yml").write_text(yaml.safe_dump(document))
    (tmp_path / "pkg" / "hoodi" / ".env").write_text("")
    small = {
        "keys": [],
        "privileges": {},
        "directories": [],
        "volumes": {},
        "metrics": [],
        "api": None,
        "health": {"type": "container"},
        "env": {},
    }
    with pytest.raises(HostError) as caught:
        bench.call([bench.spec("odd", tmp_path, **small)], check=True)
    found = [(item.id, item.place) for item in caught.value.findings if item.severity == "error"]
    assert ("PKG-019", f"{bench.name}-odd: {section}.odd.file") in found


@pytest.mark.parametrize(
    "kind", ["http://127.0.0.1:{}/x.git", "git://127.0.0.1:{}/x", "https://127.0.0.1:{}/x.git#main", "oci://127.0.0.1:{}/x"]
)
def test_nothing_is_fetched(resolved: Any, kind: str) -> None:
    calls: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            try:
                while True:
                    calls.append(server.accept())
            except OSError:
                pass

        threading.Thread(target=accept, daemon=True).start()
        refused(resolved, {"include": [kind.format(server.getsockname()[1])], "services": {"main": SERVICE}})
        server.shutdown(socket.SHUT_RDWR)
    assert not calls


def aliases(levels: int) -> str:
    lines = ["x-a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"x-a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join([*lines, "services:", "  main:", f"    image: {IMAGE}", f"    labels: {{a: *a{levels - 1}}}", ""])


def test_values_that_multiply_each_other_end_soon(resolved: Any) -> None:
    refused(resolved, aliases(12))


def test_variables_that_double_each_other_end_soon(resolved: Any) -> None:
    env = "V0=0123456789abcdef\n" + "".join(f"V{n}=${{V{n - 1}}}${{V{n - 1}}}\n" for n in range(1, 34))
    text = refused(resolved, {"services": {"main": {**SERVICE, "environment": {"A": "${V33}"}}}}, env)
    assert "MiB" in text


def test_a_model_that_outgrows_its_bound_is_refused(resolved: Any) -> None:
    env = "V0=0123456789abcdef\n" + "".join(f"V{n}=${{V{n - 1}}}${{V{n - 1}}}\n" for n in range(1, 12))
    services = {f"s{number}": {**SERVICE, "environment": {f"A{n}": "${V11}" for n in range(10)}} for number in range(80)}
    assert "16 MiB of text" in refused(resolved, {"services": services}, env)


def test_a_deep_nest_ends_soon(resolved: Any) -> None:
    refused(resolved, "services:\n  main: {image: x, labels: " + "[" * 200_000 + "]" * 200_000 + "}\n")


def test_a_package_is_resolved_as_before(resolved: Any) -> None:
    document = {
        "include": ["more.yml"],
        "services": {
            "main": {
                "extends": {"file": "base.yml", "service": "base"},
                "env_file": [".env", "./own.env"],
                "volumes": ["./a:/a", "../b:/b"],
            }
        },
    }
    found = resolved(
        document,
        "A=1\nB=${A}2\n",
        **{
            "own.env": "C=${B}3\n",
            "base.yml": f"services: {{base: {{image: '{IMAGE}'}}}}\n",
            "more.yml": f"services: {{other: {{image: '{IMAGE}'}}}}\n",
        },
    )
    services = found.model["services"]
    assert sorted(services) == ["main", "other"]
    assert services["main"]["environment"] == {"A": "1", "B": "12", "C": "123"}
    assert [mount["source"].rpartition("/tree/")[2] for mount in services["main"]["volumes"]] == ["pkg/main/a", "pkg/b"]


def test_a_confined_process_is_alone(bench: Bench) -> None:
    """Seen from outside while it waits: another user, other namespaces, another root, no way to more."""
    seen: dict[str, Any] = {}

    def look() -> None:
        deadline = time.monotonic() + 20
        while "Uid" not in seen and time.monotonic() < deadline:
            for process in Path("/proc").iterdir():
                try:
                    if process.name.isdigit() and (process / "cmdline").read_text().startswith("/program\0"):
                        status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
                        seen.update(status)
                        seen["namespaces"] = {name: os.readlink(process / "ns" / name) for name in ("mnt", "pid", "net", "ipc", "uts")}
                        seen["root"] = sorted(os.listdir(process / "root"))
                        seen["limits"] = (process / "limits").read_text()
                except OSError:
                    continue

    with Scratch() as scratch:
        tree = Path(scratch.folder("apart-x"))
        folder = tree / "pkg" / "main"
        folder.mkdir(parents=True)
        (folder / ".env").write_text("")
        (folder / "docker-compose.yml").write_text(yaml.safe_dump(with_env_file("./odd")))
        os.mkfifo(folder / "odd")
        looker = threading.Thread(target=look)
        looker.start()
        keeper = threading.Thread(target=lambda: (looker.join(), Path(folder / "odd").write_text("A=1\n")), daemon=True)
        keeper.start()
        resolve(SPEC, str(tree), "/k", Compose(bench.engine, "avs-apart-x", str(folder)))
        keeper.join(60)
    assert {int(part) for part in seen["Uid"].split()} == {int(part) for part in seen["Gid"].split()}
    assert int(seen["Uid"].split()[0]) >= 0x7F000000
    assert (seen["Groups"].strip(), seen["CapEff"], seen["CapPrm"], seen["NoNewPrivs"]) == ("", "0" * 16, "0" * 16, "1")
    assert all(os.readlink(f"/proc/self/ns/{name}") != found for name, found in seen["namespaces"].items())
    assert not {"proc", "dev", "sys", "etc", "run", "root", "usr"} & set(seen["root"])
    assert str(DATA) in seen["limits"]


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"configs": {"odd": {"content": "token = ${RPC_TOKEN}\n"}}}, "configs.odd.content"),
        ({"x": {"environment": ["${RPC_TOKEN}=1"]}}, "services.main.environment"),
        ({"x": {"labels": ["a=${RPC_TOKEN}"]}}, "services.main.labels"),
        ({"x": {"hostname": "${RPC_TOKEN}"}}, "services.main.hostname"),
        ({"x": {"extra_hosts": ["${RPC_TOKEN}:127.0.0.1"]}}, "services.main.extra_hosts"),
        ({"volumes": {"odd": {"driver_opts": {"o": "${RPC_TOKEN}"}}}}, "volumes"),
        ({"networks": {"odd": {"driver_opts": {"a": "${RPC_TOKEN}"}}}}, "networks"),
    ],
)
def test_a_secret_goes_where_only_its_node_finds_it(bench: Bench, tmp_path: Path, more: dict[str, Any], place: str) -> None:
    """Compose itself says where a secret ends up, whatever way of writing a package chooses."""
    (tmp_path / "pkg" / "hoodi").mkdir(parents=True)
    sections = {name: value for name, value in more.items() if name != "x"}
    uses = {"configs": {"configs": ["odd"]}, "volumes": {"volumes": ["odd:/odd"]}, "networks": {"networks": ["odd"]}}
    service = {**SERVICE, "env_file": [".env"], **more.get("x", {}), **next((uses[name] for name in sections), {})}
    (tmp_path / "pkg" / "hoodi" / "docker-compose.yml").write_text(yaml.safe_dump({"services": {"main": service}, **sections}))
    (tmp_path / "pkg" / "hoodi" / ".env").write_text("")
    small = {"keys": [], "privileges": {}, "directories": [], "volumes": {}, "metrics": [], "api": None, "env": {},
             "health": {"type": "container", "port": 8080, "timeout": 20}}  # fmt: skip
    with pytest.raises(HostError) as caught:
        bench.call([bench.spec("told", tmp_path, **small)], check=True)
    errors = [item.place for item in caught.value.findings if item.severity == "error"]
    assert f"{bench.name}-told: {place}" in errors
    assert "token-0123456789" not in str(caught.value)
