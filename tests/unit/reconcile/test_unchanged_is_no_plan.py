# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first question of a run says that there is nothing to do if, and only if, the whole way ends in an empty plan."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import batch, job
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.prepare import Prepared, prepare
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.support.cuts import Kept
from tests.unit.support.memory_host import ID, PACKAGE, PROJECT_NAME, MemoryHost, in_memory, with_service
from tests.unit.support.memory_world import PROJECT

Spec = dict[str, Any]
# What somebody, or something, did between two runs. A change of the spec is a function of it; one of the host has no result.
Change = Callable[[MemoryHost, Spec], Spec | None]
NETWORK = f"{PROJECT_NAME}_outer"
WARNING = {"id": "PKG-001", "severity": "warning", "place": "x", "message": "y", "remedy": "z"}
CHANGES: dict[str, Change] = {}


def change(act: Change) -> Change:
    CHANGES[act.__name__] = act
    return act


def own(host: MemoryHost, *parts: str) -> Path:
    return Path(host.store.instance(ID).root, *parts)


def kept(host: MemoryHost, *parts: str) -> Path:
    return Path(host.store.instance(ID).run, *parts)


def recorded(host: MemoryHost, **fields: Any) -> None:
    if host.store.instance(ID).known() is not None:
        host.record(**fields)


def package(host: MemoryHost, spec: Spec, changed: Any = PACKAGE, files: dict[str, str] | None = None) -> Spec:
    return {**spec, "package": {**spec["package"], "tree_sha256": host.tree(changed, files=files)}}


for _name, _changed in {
    "an_option": {"env": {"MODE": "fast"}}, "an_option_of_no_effect": {"env": {"NOBODY": "reads"}}, "an_option_of_the_node": {"env": {"WAIT": "1"}},
    "a_limit": {"limits": {"node": {"memory": "64m"}}}, "a_gate": {"health": {"type": "container", "service": None, "timeout": 6}},
    "a_target": {"metrics": [{"service": "node", "port": 9090, "path": "/metrics"}]}, "an_address": {"ports": {"PORT": "127.0.0.1"}},
    "a_folder_more": {"directories": [{"path": "work", "owner": None, "mode": "0700"}, {"path": "more", "owner": None, "mode": "0755"}]},
    "a_mode": {"directories": [{"path": "work", "owner": None, "mode": "0750"}]}, "no_folder": {"directories": []},
    "a_user": {"privileges": {"gateway": {"user": "1000:1000"}}}, "what_the_controller_found": {"findings": [WARNING]},
    "a_command": {"commands": {"x": {"run": "plugin"}}}, "volumes_of_another_class": {"volumes": {"node-data": "monotonic"}},
}.items():  # fmt: skip
    CHANGES[_name] = lambda _host, spec, changed=_changed: {**spec, **changed}  # type: ignore[misc]
for _service in ("node", "job", "gateway"):
    CHANGES[f"{_service}_removed"] = lambda host, _spec, name=_service: host.world.containers.pop(host.container(name).id) and None  # type: ignore[misc]
    CHANGES[f"{_service}_relabelled"] = lambda host, _spec, name=_service: host.container(name).labels.update({"avs.spec": "other"})  # type: ignore[misc]
    CHANGES[f"{_service}_renamed"] = lambda host, _spec, name=_service: setattr(host.container(name), "name", f"other-{name}")  # type: ignore[misc]
    CHANGES[f"{_service}_stopped"] = lambda host, _spec, name=_service: host.world.stop(host.container(name))  # type: ignore[misc]
    CHANGES[f"{_service}_ended_badly"] = lambda host, _spec, name=_service: vars(host.container(name)).update(state="exited", code=1)  # type: ignore[misc]
    CHANGES[f"{_service}_never_started"] = lambda host, _spec, name=_service: vars(host.container(name)).update(state="created", code=0)  # type: ignore[misc]
    CHANGES[f"{_service}_keeps_restarting"] = lambda host, _spec, name=_service: vars(host.container(name)).update(
        state="restarting", code=1, service={**host.container(name).service, "entrypoint": ["sh", "-c", "exit 1"], "restart": "always"}
    )  # type: ignore[misc]
    CHANGES[f"{_service}_paused"] = lambda host, _spec, name=_service: vars(host.container(name)).update(state="paused")  # type: ignore[misc]
    CHANGES[f"{_service}_out_of_a_network"] = lambda host, _spec, name=_service: (
        host.container(name).nets.pop(f"{PROJECT_NAME}_inner", None) and None
    )  # type: ignore[misc]
    CHANGES[f"{_service}_in_one_more_network"] = lambda host, _spec, name=_service: host.container(name).nets.update(
        {"bridge": {"id": "x", "address": "", "aliases": []}}
    )  # type: ignore[misc]
for _file in ("secrets.env", "secrets.json", "identities.json", "keys/node/bls.json", "keys/node/..data", "keys/node", "keys", "."):
    CHANGES[f"{_file}_gone"] = lambda host, _spec, name=_file: remove(kept(host, name))  # type: ignore[misc]
for _file in ("spec.json", "current", "current/compose.json", "journal.jsonl", "data/work", "data", "state.json", "releases"):
    CHANGES[f"{_file}_gone"] = lambda host, _spec, name=_file: remove(own(host, name))  # type: ignore[misc]
for _name, _fields in {"applying": {"phase": "applying"}, "stopped": {"desired": "stopped"}}.items():
    CHANGES[f"recorded_as_{_name}"] = lambda host, _spec, fields=_fields: recorded(host, **fields)  # type: ignore[misc]


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@change
def a_file_of_the_package(host: MemoryHost, spec: Spec) -> Spec:
    return package(host, spec, files={"conf/a.json": '{"new": 1}'})


@change
def a_file_nobody_mounts(host: MemoryHost, spec: Spec) -> Spec:
    return package(host, spec, files={"README.md": "new"})


@change
def a_service_more(host: MemoryHost, spec: Spec) -> Spec:
    return package(host, spec, with_service(PACKAGE, "side", image=PACKAGE["services"]["node"]["image"], entrypoint=["true"], restart="no"))


@change
def a_newer_secret(_host: MemoryHost, spec: Spec) -> Spec:
    return {**spec, "secrets": {name: {**secret, "ref": {"version": f"{name}#2"}} for name, secret in spec["secrets"].items()}}


@change
def a_key_file_written_over(host: MemoryHost, _spec: Spec) -> None:
    path = kept(host, "keys/node/bls.password")
    path.chmod(0o600)
    path.write_text("other")


@change
def a_key_file_more(host: MemoryHost, _spec: Spec) -> None:
    kept(host, "keys/node/more").write_text("x")


@change
def a_key_folder_more(host: MemoryHost, _spec: Spec) -> None:
    kept(host, "keys/gateway").mkdir()


@change
def the_environment_of_secrets_written_over(host: MemoryHost, _spec: Spec) -> None:
    kept(host, "secrets.env").write_text("AVS_SECRET_1=other\n")


@change
def a_secret_written_over(host: MemoryHost, _spec: Spec) -> None:
    path = kept(host, "secrets.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "option.token": "other"}))


@change
def by_older_rules(host: MemoryHost, spec: Spec) -> None:
    # What was installed, whatever has become of the spec since: nobody recorded that as made.
    if host.store.instance(ID).known() is not None:
        host.by_older_rules(host.spec())


@change
def another_release(host: MemoryHost, _spec: Spec) -> None:
    os.rename(own(host, "releases/1-v1.0.0"), own(host, "releases/2-v1.0.0"))
    own(host, "current").unlink()
    own(host, "current").symlink_to("releases/2-v1.0.0")


@change
def the_mode_of_a_folder(host: MemoryHost, _spec: Spec) -> None:
    if own(host, "data/work").is_dir():
        own(host, "data/work").chmod(0o755)


@change
def a_network_made_anew(host: MemoryHost, _spec: Spec) -> None:
    if NETWORK in host.world.networks and not host.world.inside(NETWORK):
        host.world.networks[NETWORK] = {**host.world.networks[NETWORK], "Id": "another"}


@change
def networks_pruned(host: MemoryHost, _spec: Spec) -> None:
    """``docker network prune``: those no container runs in."""
    for name in [name for name, network in host.world.networks.items() if PROJECT in network["Labels"] and not host.world.inside(name)]:
        del host.world.networks[name]


@change
def a_volume_gone(host: MemoryHost, _spec: Spec) -> None:
    """As far as the engine lets go of it."""
    name = f"{PROJECT_NAME}_node-data"
    if not any(("volume", name) in item.mounts.values() for item in host.world.containers.values()):
        host.world.volumes.pop(name, None)


@change
def a_container_more(host: MemoryHost, _spec: Spec) -> None:
    source = next(iter(host.project()), None)
    if source is not None:
        labels = {**source.labels, "avs.service": "old", "com.docker.compose.service": "old"}
        more = type(source)(**{**vars(source), "id": host.world.new_id("container"), "name": f"{PROJECT_NAME}-old", "labels": labels})
        host.world.containers[more.id] = more


@pytest.fixture(scope="module")
def installed() -> Iterator[Kept]:
    with pytest.MonkeyPatch.context() as patch, in_memory(patch) as host:
        host.well(host.spec())
        yield Kept(host)


def judged(host: MemoryHost, spec: Spec) -> tuple[str | None, list[str]]:
    """What the first question says, and the plan of the whole way, whatever the first question says."""
    reason = job.look(InstanceSpec.read(spec), host.store, host.engine.connect().containers(), host.store.host_key()).reason
    made: list[Prepared] = []

    def seen(*arguments: Any) -> Prepared:
        made.append(prepare(*arguments))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "why_work", lambda *_arguments: "looked at anyway")
        patch.setattr(batch, "prepare", seen)
        result = host.call(spec, check=True)
    plan = [f"{item['action']} {item['kind']} {item['name']}" for item in result["instances"][0]["actions"]]
    # What a run does as well, and tells nobody of.
    left = made[0].containers
    plan += [f"{what} {ids}" for what, ids in (("rename", left.rename), ("drop", left.drop), ("wake", left.unpause)) if ids]
    state = host.state()
    if (state["phase"], state["desired"], state["release"]) != ("committed", "started", host.store.instance(ID).release()):
        plan.append("write the record")
    return reason, plan


def holds(installed: Kept, names: list[str]) -> None:
    host = installed.restore()
    spec = host.spec()
    for name in names:
        try:
            spec = CHANGES[name](host, spec) or spec
        except (KeyError, OSError, HostError):
            # One change took away what another is about.
            continue
        except Exception as error:
            if "No such container" not in str(error):
                raise
    if host.store.instance(ID).known() is None:
        return
    reason, plan = judged(host, spec)
    assert (reason is None) == (plan == []), f"{names}: {reason}, {plan}"


@pytest.mark.parametrize("name", [*CHANGES])
def test_after_one_change(installed: Kept, name: str) -> None:
    holds(installed, [name])


@settings(max_examples=60)
@given(st.lists(st.sampled_from([*CHANGES]), min_size=2, max_size=3, unique=True))
def test_after_some_changes(installed: Kept, names: list[str]) -> None:
    holds(installed, names)


def test_what_was_never_made_is_not_recorded_as_made(installed: Kept) -> None:
    holds(installed, ["a_folder_more", "by_older_rules"])
