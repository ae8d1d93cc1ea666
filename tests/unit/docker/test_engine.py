# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's command line and its answers."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import Finding
from ansible_collections.restaking.avs.plugins.module_utils.docker.compose import Compose, engine_error
from ansible_collections.restaking.avs.plugins.module_utils.docker.containers import Container
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Done, Engine
from ansible_collections.restaking.avs.plugins.module_utils.docker.images import ImageKeeper
from ansible_collections.restaking.avs.plugins.module_utils.docker.programs import find_compose
from ansible_collections.restaking.avs.plugins.module_utils.system.confinement import Cell
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command

from tests.unit.support.engines import Told


@pytest.mark.parametrize(
    ("engine", "compose", "problems"),
    [
        ("26.1.5+dfsg1", "2.26.1-4", []),
        ("24.0.0", "v2.20.0", []),
        ("23.0.9", "2.26.1", ["Docker Engine 23.0.9 is older than 24"]),
        ("20.10.24", "2.19.1", ["Docker Compose 2.19.1 is older than 2.20", "Docker Engine 20.10.24 is older than 24"]),
        ("28.2.2", "5.0.1", []),
    ],
)
def test_versions(engine: str, compose: str, problems: list[str]) -> None:
    told_engine = Told(version=json.dumps({"Version": engine, "Os": "linux", "Arch": "amd64"}), compose=f"{compose}\n")
    if problems:
        with pytest.raises(HostError) as caught:
            told_engine.check_versions()
        assert [item.message for item in caught.value.findings] == problems
    else:
        told_engine.check_versions()
        assert told_engine.platform() == "linux/amd64"


def test_no_compose_at_all() -> None:
    engine = Told(version='{"Version": "26.1"}', compose=Done(1, "", "docker: 'compose' is not a docker command."))
    with pytest.raises(HostError, match="no compose command"):
        engine.check_versions()


@pytest.fixture
def script(tmp_path: Path) -> Any:
    def make(text: str) -> Engine:
        path = tmp_path / "docker"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return Engine(run_command, str(path))

    return make


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2; exit 1",
            "does not answer",
        ),
        ("echo 'permission denied while trying to connect to unix:///var/run/docker.sock' >&2; exit 1", "become"),
        ("echo 'odd' >&2; exit 1", "odd"),
    ],
)
def test_an_engine_that_cannot_be_used(script: Any, text: str, words: str) -> None:
    with pytest.raises(HostError) as caught:
        script(text).containers()
    assert words in str(caught.value)
    assert caught.value.findings[0].id == "OPS-004"


def test_an_engine_that_hangs(script: Any) -> None:
    with pytest.raises(HostError, match="did not answer") as caught:
        script("exec sleep 30").run(["ps"], timeout=0.2)
    assert "systemctl status docker" in caught.value.findings[0].remedy


def test_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.restaking.avs.plugins.module_utils.docker.programs.PATH", "/nonexistent")
    with pytest.raises(HostError, match="docker is not installed"):
        Engine(run_command).containers()


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An engine found where it is on a host, with its compose plugin in some places; both tell how they were started."""
    module = "ansible_collections.restaking.avs.plugins.module_utils.docker.programs"
    monkeypatch.setattr(f"{module}.PATH", str(tmp_path))
    monkeypatch.setattr(f"{module}._PLUGINS", (str(tmp_path / "cli-plugins"),))
    monkeypatch.setattr(f"{module}.home", lambda: str(tmp_path / "home"))

    def make(*places: str, config: str | None = None, text: str = 'echo "${0##*/} $*"') -> Engine:
        for path in (tmp_path / "docker", *(tmp_path / place / "docker-compose" for place in places)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)
        if config is not None:
            (tmp_path / "home" / ".docker").mkdir(parents=True, exist_ok=True)
            (tmp_path / "home" / ".docker" / "config.json").write_text(config)
        return Engine(run_command)

    return make


@pytest.mark.parametrize(
    ("places", "config", "line"),
    [
        (["cli-plugins"], None, "docker-compose -p x up"),
        (["cli-plugins"], '{"auths": {}}', "docker-compose -p x up"),
        (["elsewhere"], None, "docker compose -p x up"),
        (["cli-plugins", "home/.docker/cli-plugins"], None, "docker compose -p x up"),
        (["cli-plugins"], '{"cliPluginsExtraDirs": ["/opt/docker"]}', "docker compose -p x up"),
    ],
)
def test_compose_is_started_without_a_detour(found: Any, places: list[str], config: str | None, line: str) -> None:
    engine = found(*places, config=config)
    assert engine.run(["compose", "-p", "x", "up"]).out == f"{line}\n"
    assert engine.run(["ps"]).out == "docker ps\n"


def test_a_plugin_that_does_not_start_is_named(found: Any) -> None:
    engine = found("cli-plugins", text='[ "$1" = version ] && [ -n "$2" ] && [ "$2" != --short ] && echo "{}" || exit 126')
    with pytest.raises(HostError, match=r"cli-plugins/docker-compose cannot be run: ended with 126"):
        engine.check_versions()


def test_commands_get_no_environment_of_ours(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere")
    engine = script("env")
    assert {line.split("=")[0] for line in engine.run(["x"]).out.splitlines()} <= {"PATH", "HOME", "LC_ALL", "PWD", "SHLVL", "_", "OLDPWD"}


def test_containers_are_read_from_one_listing(script: Any) -> None:
    engine = script(
        "printf 'False\\tid1\\tavs-x-node\\trunning\\tx\\tnode\\tabc\\tUp 2 minutes\\n'; "
        "printf '\\tid0\\ta\\texited\\tx\\tb\\t\\tExited (3) 1 hour ago\\nTrue\\tid2\\trun-1\\trunning\\tx\\tnode\\tabc\\tUp\\n'"
    )
    found = engine.containers()
    assert [(item.name, item.spec, item.exit_code) for item in found] == [("a", "", 3), ("avs-x-node", "abc", None)]


CELL = Cell("/tmp/x/package", "/tmp/x/room")


def config(done: Done) -> tuple[str, list[Finding]]:
    return Compose(Told(compose=done), "p", "/tmp/x/package/tree").config([], [], [], "x: f", CELL)


def test_what_compose_says_becomes_findings() -> None:
    warning = 'time="2026" level=warning msg="The \\"X_Y\\" variable is not set. Defaulting to a blank string."\n'
    text, found = config(Done(0, "{}", warning))
    assert text == "{}"
    assert [(item.id, item.severity, "X_Y" in item.message) for item in found] == [("PKG-018", "warning", True)]


@pytest.mark.parametrize(
    ("done", "message", "remedy"),
    [
        (Done(15, "", 'time="2026" level=warning msg="x"\nservice "a" refers to undefined network b\n'), 'service "a" refers to undefined network b', ""),
        (Done(1, "", "env file /etc/passwd not found: stat /etc/passwd: no such file or directory\n"),
         "env file /etc/passwd not found: stat /etc/passwd: no such file or directory", "apart from the host"),
        (Done(1, "", "Couldn't find env file: /tmp/x/package/tree/a.env\n"), "Couldn't find env file: a.env", "apart from the host"),
        (Done(2, "", "fatal error: stack overflow\n\ngoroutine 1 [running]:\n" + "main.main()\n" * 9000), "fatal error: stack overflow", ""),
        (Done(1, "", "x" * 100_000), "x" * 2000, ""),
        (Done(2, "", "fatal error", "takes more than 512 MiB of memory"), "takes more than 512 MiB of memory", "multiply"),
    ],
)  # fmt: skip
def test_why_a_package_cannot_be_resolved(done: Done, message: str, remedy: str) -> None:
    with pytest.raises(HostError) as caught:
        config(done)
    (problem,) = caught.value.findings
    assert (problem.id, problem.message) == ("PKG-018", message)
    assert remedy in problem.remedy


def test_where_a_package_cannot_be_set_apart_it_is_not_resolved(found: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = "ansible_collections.restaking.avs.plugins.module_utils"
    engine = found("cli-plugins", text=f"echo ran >>{tmp_path}/ran")
    cell = Cell(str(tmp_path), str(tmp_path / "missing"))
    monkeypatch.setattr(f"{module}.docker.engine.os.geteuid", lambda: 1000)
    with pytest.raises(HostError) as caught:
        engine.run(["compose", "config"], confined=cell)
    assert [(item.id, "become" in item.remedy) for item in caught.value.findings] == [("OPS-008", True)]
    monkeypatch.setattr(f"{module}.docker.engine.os.geteuid", lambda: 0)
    with pytest.raises(HostError) as caught:
        engine.run(["compose", "config"], confined=cell)
    (problem,) = caught.value.findings
    assert problem.id == "OPS-008"
    assert re.search("mount|unshare", problem.message)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("places", "config", "expected"),
    [
        (["cli-plugins"], None, "cli-plugins"),
        (["cli-plugins", "home/.docker/cli-plugins"], "{}", "home/.docker/cli-plugins"),
        (["cli-plugins", "home/.docker/cli-plugins", "own"], '{"cliPluginsExtraDirs": ["OWN"]}', "own"),
        (["cli-plugins", "own"], '{"cliPluginsExtraDirs": ["relative", 1]}', "cli-plugins"),
        (["cli-plugins"], "no json", "cli-plugins"),
        (["cli-plugins"], "[]", "cli-plugins"),
        ([], None, None),
    ],
)
def test_the_plugin_is_found_where_docker_finds_it(
    found: Any, tmp_path: Path, places: list[str], config: str | None, expected: str | None
) -> None:
    found(*places, config=config and config.replace("OWN", f"{tmp_path}/own"))
    assert find_compose(f"{tmp_path}/home") == (expected and f"{tmp_path}/{expected}/docker-compose")


def test_the_engines_last_words() -> None:
    err = " Network x  Creating\n Container y  Starting\nError response from daemon: driver failed: port is already allocated\n"
    assert engine_error(Done(1, "", err)) == "driver failed: port is already allocated"
    assert engine_error(Done(1, "", "odd\n")) == "odd"
    assert engine_error(Done(7, "", "")) == "ended with 7"


def container(service: str, state: str = "running", spec: str = "1", **changes: Any) -> Container:
    values = {
        "id": f"id-{service}",
        "name": f"avs-x-{service}",
        "state": state,
        "instance": "x",
        "service": service,
        "spec": spec,
        "status": "",
    }
    return Container(**{**values, **changes})


@pytest.mark.parametrize(
    ("status", "code", "health"),
    [
        ("Up 2 minutes (healthy)", None, "healthy"),
        ("Up 1 second (health: starting)", None, "starting"),
        ("Exited (0) 1 hour ago", 0, None),
        ("Exited (-1) x", -1, None),
        ("Up 3 days", None, None),
        ("Created", None, None),
        ("Up 1 minute (unhealthy)", None, "unhealthy"),
        ("Up 5 seconds (Paused)", None, None),
    ],
)
def test_status_texts(status: str, code: int | None, health: str | None) -> None:
    found = container("a", status=status)
    assert (found.exit_code, found.health) == (code, health)


OPTION = "--format={{.Id}}"


@pytest.mark.parametrize(
    "ask",
    [
        lambda engine: engine.images([OPTION]),
        lambda engine: engine.inspect([OPTION]),
        lambda engine: engine.inspect_networks([OPTION]),
        lambda engine: engine.inspect_volumes([OPTION]),
        lambda engine: engine.logs(OPTION, 5),
        lambda engine: Compose(engine, "p", "/x").recreate("/c", "/e", [OPTION]),
        lambda engine: ImageKeeper(engine).pull("x", [OPTION], {}),
        lambda engine: ImageKeeper(engine).ask("x", [OPTION], {}),
    ],
)
def test_text_from_outside_stands_behind_the_options(ask: Any) -> None:
    engine = Told(
        image=Done(1, "", ""),
        container="[]",
        network="[]",
        volume="[]",
        logs="",
        compose="",
        pull=Done(1, "", "x"),
        info="{}",
        manifest=Done(1, "", "x"),
    )
    engine._versions, engine._platform = ("26.1", "2.26"), "linux/amd64"
    ask(engine)
    (command,) = [command for command in engine.asked if OPTION in command]
    assert command[command.index("--") + 1 :] == [OPTION]


def test_images_that_were_not_told_of_one_by_one_are_not_believed() -> None:
    with pytest.raises(HostError, match="told of 1 images, 2 were asked for"):
        Told(image='[{"Id": "sha256:forged"}]').images(["a:1", "b:1"])
