# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is around containers: networks, volumes, images, ports, values, and what compose makes of a package."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.docker.compose import Compose
from ansible_collections.restaking.avs.plugins.module_utils.docker.containers import parse_ports
from ansible_collections.restaking.avs.plugins.module_utils.docker.dotenv import quote
from ansible_collections.restaking.avs.plugins.module_utils.system.confinement import Cell

from tests.unit.support.differences import differences
from tests.unit.support.engine_stage import Stage, case, said


@case((True, ["No such image"], {}))
def an_image_that_is_not_there(stage: Stage) -> Any:
    stage.write({"node": {"image": "registry.example.org/nothing:1"}})
    return (*said(stage.up("node"), "No such image"), stage.states())


@case((True, False))
def what_the_engine_writes_into_a_container_with_its_init(stage: Stage) -> Any:
    stage.write({"node": {"init": True}, "other": {}})
    stage.must(stage.up("node", "other"))
    return tuple("/docker-init" in stage.engine.ask(["diff", "--", stage.one(name).id]) for name in ("node", "other"))


@case((True, ["port is already allocated"], {"first": "running", "node": "created"}, [("127.0.0.1", "tcp")]))
def a_port_that_is_taken(stage: Stage) -> Any:
    port = {"mode": "ingress", "host_ip": "127.0.0.1", "target": 80, "published": str(stage.port), "protocol": "tcp"}
    stage.write({"first": {"ports": [port]}, "node": {"ports": [port]}})
    stage.must(stage.up("first"))
    done, ports = stage.up("node"), {item["name"]: parse_ports(item["ports"]) for item in stage.engine.everything()}
    first = [(address, protocol) for address, number, protocol in ports[stage.name("first")] if number == str(stage.port)]
    return (*said(done, "port is already allocated"), stage.states(), first)


@case((("avs-x_net", ""), True, ["has active endpoints"], ["avs-x_net"], True, True))
def networks_and_who_is_in_them(stage: Stage) -> Any:
    stage.write({"node": {}, "other": {}})
    stage.must(stage.up("node", "other"))
    network, before = f"{stage.project}_net", stage.one("node").networks
    stage.must(stage.run("network", "disconnect", network, stage.name("node")))
    inside = stage.engine.inspect_networks([network, "no-such-network"])[0]["Containers"]
    refused = stage.run("network", "rm", "--", network)
    stage.must(stage.run("stop", "-t", "5", stage.one("other").id))
    has = [stage.plain(name) for name, owner in stage.engine.networks().items() if owner == stage.project]
    stage.must(stage.run("network", "rm", "--", network))
    lost = stage.run("start", stage.one("other").id)
    alone = [item["Name"] for item in inside.values()] == [stage.name("other")]
    return (
        (stage.plain(str(before)), stage.one("node").networks),
        *said(refused, "has active endpoints"),
        has,
        alone,
        said(lost, "not found") == (True, ["not found"]),
    )


@case((True, ["volume is in use"], False, [], {"avs-x_data": True}))
def volumes_outlive_containers(stage: Stage) -> Any:
    stage.write(
        {"node": {"volumes": [{"type": "volume", "source": "data", "target": "/data"}]}},
        volumes={"data": {"name": f"{stage.project}_data"}},
    )
    stage.must(stage.up("node"))
    name = f"{stage.project}_data"
    refused = stage.run("volume", "rm", "--", name)
    stage.must(stage.run("rm", "-f", "--", *stage.engine.belonging(stage.instance), "no-such-container"))
    kept = {
        stage.plain(item["Name"]): stage.engine.volumes()[name] == stage.project
        for item in stage.engine.inspect_volumes([name, "no-such-volume"])
    }
    removed = stage.run("volume", "rm", "--", name)
    return *said(refused, "volume is in use"), removed.code != 0, stage.engine.inspect_volumes([name]), kept


@case((True, [0, 0], {"node": "running"}))
def a_volume_that_was_made_before_is_taken(stage: Stage) -> Any:
    """As a restore on a new host makes it, twice where it was cut."""
    name, labels = f"{stage.project}_data", [f"com.docker.compose.project={stage.project}", "com.docker.compose.volume=data"]
    make = ["volume", "create", *(word for label in labels for word in ("--label", label)), "--", name]
    codes = [stage.run(*make).code, stage.run(*make).code]
    owned = stage.engine.volumes()[name] == stage.project
    stage.write({"node": {"volumes": [{"type": "volume", "source": "data", "target": "/data"}]}}, volumes={"data": {"name": name}})
    stage.must(stage.up("node"))
    return owned, codes, stage.states()


@case(True)
def hidden_values_reach_the_container(stage: Stage) -> Any:
    value = "a 'b' \"c\" $HOME \\ #"
    stage.write({"node": {"environment": {"TOKEN": "${AVS_SECRET_1}"}}}, f"AVS_SECRET_1={quote(value)}\n")
    stage.must(stage.up("node"))
    env = dict(item.split("=", 1) for item in stage.seen("node")["Config"]["Env"])
    return env["TOKEN"] == value


@case(([], 1, True))
def what_is_not_there(stage: Stage) -> Any:
    engine = stage.engine
    found = engine.images([stage.image, "registry.example.org/nothing:1"])
    return engine.inspect(["no-such-container"]), len(found), engine.platform().startswith("linux/")


SERVICES: dict[str, dict[str, Any]] = {
    "node": {
        "image": "demo:1",
        "environment": {"LEVEL": "${LEVEL}", "T": "${T:-x}", "LOST": "${LOST}", "PRICE": "$$5"},
        "ports": [{"mode": "ingress", "target": 8080, "published": "${PORT}", "protocol": "tcp"}],
        "volumes": [
            {"type": "volume", "source": "data", "target": "/data"},
            {"type": "volume", "target": "/anon"},
            {"type": "bind", "source": "./conf", "target": "/conf", "read_only": True},
        ],
        "depends_on": {"job": {"condition": "service_completed_successfully"}},
    },
    "job": {"image": "demo:1", "entrypoint": ["true"], "restart": "no"},
    "side": {"image": "demo:1", "networks": {"net": {"aliases": ["s"]}}},
    "off": {"image": "demo:1", "profiles": ["more"]},
}
NETWORKS = {"default": {"name": "avs-x_default", "ipam": {}}, "net": {"name": "avs-x_net", "ipam": {}, "internal": True}}


def resolved(tree: str) -> dict[str, Any]:
    """What compose makes of these services."""
    node = SERVICES["node"]
    return {
        "node": {
            **node,
            "command": None,
            "entrypoint": None,
            "networks": {"default": None},
            "environment": {"LEVEL": "info", "T": "a 'b' $$c", "LOST": "", "PRICE": "$$5"},
            "ports": [{**node["ports"][0], "published": "8081"}],
            "depends_on": {"job": {"condition": "service_completed_successfully", "required": True}},
            "volumes": [*node["volumes"][:2], {**node["volumes"][2], "source": f"{tree}/conf"}],
        },
        "job": {**SERVICES["job"], "command": None, "networks": {"default": None}},
        "side": {**SERVICES["side"], "command": None, "entrypoint": None},
    }


@case(([], {"data": {"name": "avs-x_data"}}, NETWORKS, ["the variable LOST is used and set nowhere; it is empty"], True))
def a_package_is_resolved(stage: Stage) -> Any:
    """Apart from the host; what is worked out in memory is what compose works out."""
    tree = stage.folder / "package" / "tree"
    (tree / "conf").mkdir(parents=True)
    (stage.folder / "room").mkdir()
    compose_file, env_file = tree / "docker-compose.yml", tree / ".env"
    sections = {"volumes": {"data": {}, "unused": {}}, "networks": {"net": {"internal": True}}}
    compose_file.write_text(json.dumps({"services": SERVICES, **sections}))
    env_file.write_text("LEVEL=info\nPORT=8081\nT=" + quote("a 'b' $c") + "\n")
    compose = Compose(stage.engine, stage.project, str(tree))
    cell = Cell(str(stage.folder / "package"), str(stage.folder / "room"))
    text, findings = compose.config([str(compose_file)], [str(env_file)], [], "x", cell)
    whole, _findings = compose.config([str(compose_file)], [str(env_file)], ["*"], "x", cell)
    found = json.loads(stage.plain(text))
    differ = differences(found["services"], resolved(stage.plain(str(tree))))
    return differ, found["volumes"], found["networks"], [item.message for item in findings], "off" in json.loads(whole)["services"]


@case((True, [True, False], [True, True], ["No such image"]))
def a_name_of_an_image_that_is_used(stage: Stage) -> Any:
    """A name goes, whoever uses the image; the image stays under its others, and a container tells which image it is."""
    stage.write({"node": {}})
    stage.must(stage.up("node"))
    name, ident = f"{stage.instance}-more/image:1", stage.engine.images([stage.image])[stage.image]["Id"]
    stage.must(stage.run("image", "tag", stage.image, name))
    named = name in stage.engine.images([ident])[ident]["RepoTags"]
    there = [name in stage.engine.images([name])]
    stage.must(stage.run("image", "rm", "--", name))
    there.append(name in stage.engine.images([name]))
    left = [stage.image in stage.engine.images([stage.image]), stage.seen("node")["Image"] == ident]
    return named, there, left, said(stage.run("image", "rm", "--", name), "No such image")[1]
