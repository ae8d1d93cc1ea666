# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The example packages, the tap and the list of images, as data: what they say of each other has to be true."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from demo_avs.config import gateway_config, node_config
from demo_avs.log import Log
from demo_avs.node import Node
from demo_avs.release import RELEASES
from grafana_foundation_sdk.models.dashboard import Dashboard

from examples.images.tests.conftest import IMAGES
from examples.images.tests.support import environment

EXAMPLES = IMAGES.parent
PACKAGES = sorted((EXAMPLES / "packages" / "demo-avs").iterdir())
PROFILES = [package / "pkg" / profile for package in PACKAGES for profile in ("mainnet", "hoodi")]
ADAPTERS = sorted((EXAMPLES / "tap" / "packages" / "eigenda").glob("v*/*/profile.yml"))
_VARIABLE = re.compile(r"\$\{([A-Z_]+)\}")

_spec = importlib.util.spec_from_file_location("checksum", EXAMPLES / "packages" / "checksum.py")
assert _spec is not None and _spec.loader is not None
checksum = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(checksum)


def name_of(path: Path) -> str:
    return path.relative_to(EXAMPLES).as_posix()


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def env_of(profile: Path) -> dict[str, str]:
    """The defaults in .env, which are simple enough: quotes, and references to lines above."""
    found: dict[str, str] = {}
    for line in (profile / ".env").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _equals, value = line.partition("=")
            found[name] = _VARIABLE.sub(lambda match: found[match[1]], value.strip('"'))
    return found


def options_of(profile: Path) -> dict[str, dict[str, Any]]:
    return {option["name"]: option for option in load(profile / "profile.yml")["options"]}


def test_there_is_a_package_of_every_release() -> None:
    assert sorted(package.name for package in PACKAGES) == sorted(f"v{version}" for version in RELEASES)


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_checksums_are_right(package: Path) -> None:
    lines = [line.split("  ", 1) for line in (package / "checksum.txt").read_text().splitlines()]
    listed = {name: digest for digest, name in lines}
    present = {path.relative_to(package).as_posix(): path for path in (package / "pkg").rglob("*") if path.is_file()}
    assert listed == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in present.items()}
    assert checksum.main(["--check", str(package)]) == 0


def test_a_changed_added_or_removed_file_is_noticed(tmp_path: Path) -> None:
    package = Path(shutil.copytree(PACKAGES[0], tmp_path / "package"))
    for change in (
        lambda: (package / "pkg" / "manifest.yml").write_text("name: other\n"),
        lambda: (package / "pkg" / "more.txt").write_text("more"),
        (package / "pkg" / "more.txt").unlink,
        (package / "checksum.txt").unlink,
    ):
        change()
        assert checksum.main(["--check", str(package)]) == 1
        assert checksum.main([str(package)]) == 0
        assert checksum.main(["--check", str(package)]) == 0


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_manifest_and_notes_agree_with_the_folder(package: Path) -> None:
    version = package.name.removeprefix("v")
    manifest = load(package / "pkg" / "manifest.yml")
    assert manifest["name"] == "demo-avs"
    assert manifest["plugin"]["image"] == f"registry.example.org/demo-avs-plugin:{version}"
    assert manifest["profiles"] == ["mainnet", "hoodi"]
    assert f"## {package.name} (upgrade: {manifest['upgrade']})" in (package / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("profile", PROFILES, ids=name_of)
def test_options_reach_the_containers(profile: Path) -> None:
    compose_text, env, options = (profile / "docker-compose.yml").read_text(), env_of(profile), options_of(profile)
    used = set(_VARIABLE.findall(compose_text))
    targets = [option["target"] for option in options.values()]
    assert len(targets) == len(set(targets)) and set(targets) <= used
    assert used <= set(env), "a variable without a default would warn"
    for option in options.values():
        if option["type"] in ("int", "float", "port"):
            assert float(env[option["target"]]) == option["default"]
        elif option["type"] == "bool":
            assert env[option["target"]] == str(option["default"]).lower()
        else:
            assert env[option["target"]] == option.get("default", "")
    types = {option["type"] for option in options.values()}
    assert types == {"int", "float", "bool", "str", "port", "path_dir", "path_file", "uri", "select"}
    assert [name for name, option in options.items() if option.get("hidden")] == ["rpc-token"]
    assert (profile / options["peers-file"]["default"]).is_file()


@pytest.mark.parametrize("profile", PROFILES, ids=name_of)
def test_each_service_has_options_of_its_own(profile: Path) -> None:
    services = load(profile / "docker-compose.yml")["services"]
    used = {name: set(_VARIABLE.findall(json.dumps(service))) for name, service in services.items()}
    assert set(used) == {"node", "gateway"} and not used["node"] & used["gateway"]
    assert "RPC_TOKEN" in used["node"] and used["gateway"] == {"GATEWAY_TIMEOUT", "GATEWAY_PORT"}
    assert not any("env_file" in service for service in services.values())


@pytest.mark.parametrize("profile", PROFILES, ids=name_of)
def test_the_services_accept_what_the_package_sets(profile: Path, tmp_path: Path) -> None:
    """Defaults of the package, through the compose file's environment, into the code in the image."""
    env = {**env_of(profile), "RPC_TOKEN": "a-token-of-the-operator"}
    services = load(profile / "docker-compose.yml")["services"]
    given = {
        name: {key: _VARIABLE.sub(lambda match: env[match[1]], value) for key, value in service["environment"].items()}
        for name, service in services.items()
    }
    version = profile.parents[1].name.removeprefix("v")
    config = node_config({**given["node"], "DEMO_VERSION": version})
    assert config.name == f"demo-avs {profile.name}" and config.fee_share == 0.05 and config.warm_up == 2
    assert gateway_config(given["gateway"]).upstream == "http://node:8080"
    assert {service["image"] for service in services.values()} == {f"registry.example.org/demo-avs:{version}"}


@pytest.mark.parametrize("profile", PROFILES, ids=name_of)
def test_runtime_declares_what_the_compose_file_has(profile: Path) -> None:
    runtime, compose = load(profile / "runtime.yml"), load(profile / "docker-compose.yml")
    assert runtime["schema"] == 1
    assert set(runtime["privileges"]) == set(compose["services"])
    for name, service in compose["services"].items():
        published = {_VARIABLE.findall(port)[0] for port in service["ports"]}
        assert set(runtime["privileges"][name]["ports"]) == published
        assert runtime["privileges"][name]["user"] == "1000:1000" and runtime["privileges"][name]["read_only"] is True
    assert set(runtime["volumes"]) == set(compose["volumes"])
    assert {key["folder"] for key in runtime["keys"]} == {"KEYS_DIR"}
    assert "${KEYS_DIR}:/keys:ro" in compose["services"]["node"]["volumes"]
    assert [f"./{entry['path']}" for entry in runtime["directories"]] == [env_of(profile)["WORK_DIR"]]
    assert runtime["metrics"] == load(profile / "profile.yml")["monitoring"]["targets"]
    api = load(profile / "profile.yml")["api"]
    assert {"service": runtime["health"]["service"], "port": runtime["health"]["port"]} == api


@pytest.mark.parametrize("profile", PROFILES, ids=name_of)
def test_migrations_lead_to_the_schema_of_the_release(profile: Path) -> None:
    runtime = load(profile / "runtime.yml")
    version = profile.parents[1].name.removeprefix("v")
    schema = 1
    for migration in runtime.get("migrations", []):
        command, number = runtime["commands"][migration["command"]]["args"]
        back, before = runtime["commands"][migration["revert"]]["args"]
        assert (command, back, int(before)) == ("migrate", "migrate-down", schema)
        assert RELEASES[migration["to"].removeprefix("v")].schema == int(number) == schema + 1
        schema = int(number)
    assert schema == RELEASES[version].schema


def test_what_changed_with_1_1_0() -> None:
    for name in ("mainnet", "hoodi"):
        old, new = (options_of(EXAMPLES / "packages" / "demo-avs" / tag / "pkg" / name) for tag in ("v1.0.0", "v1.1.0"))
        assert set(old) - set(new) == {"fee-share"}
        assert set(new) - set(old) == {"operator-fee", "score-window", "peer-port"}


@pytest.mark.parametrize("profile", PROFILES, ids=name_of)
def test_dashboards_are_dashboards_and_ask_for_metrics_there_are(profile: Path, tmp_path: Path) -> None:
    document = json.loads((profile / "dashboards" / "demo-avs.json").read_text())
    dashboard = Dashboard.from_json(document)
    assert dashboard.title == f"demo-avs ({profile.name})" and dashboard.uid == f"demo-avs-{profile.name}"
    panels = document["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) == 6
    node = Node(node_config(environment(tmp_path)), Log("node"))
    served = {family.name for family in node.families()} | {"demo_gateway_request_total"}
    node.api.server_close()
    node.metrics.server_close()
    for panel in panels:
        for target in panel["targets"]:
            wanted = re.findall(r"\b(?:eigen|demo)_[a-z_]+", target["expr"])
            assert wanted and {name.removesuffix("_bucket") for name in wanted} <= served, target["expr"]


def test_the_tap_lists_every_version() -> None:
    tap = load(EXAMPLES / "tap" / "tap.yml")
    assert tap["schema"] == 1 and tap["name"] == "core"
    entry = load(EXAMPLES / "tap" / "packages" / "demo-avs.yml")
    listed = {version["version"]: version for version in entry["versions"]}
    assert sorted(listed) == [package.name for package in PACKAGES]
    for package in PACKAGES:
        assert listed[package.name]["upgrade"] == load(package / "pkg" / "manifest.yml")["upgrade"]
        assert re.fullmatch(r"[0-9a-f]{40}", listed[package.name]["commit"])


@pytest.mark.parametrize("path", ADAPTERS, ids=name_of)
def test_adapters_are_pinned_and_declare_what_they_offer(path: Path) -> None:
    runtime, options = load(path.parent / "runtime.yml"), options_of(path.parent)
    assert path.parent.name in load(path.parents[1] / "manifest.yml")["profiles"]
    assert re.fullmatch(r"[0-9a-f]{40}", runtime["source"]["commit"]) and runtime["source"]["path"] == path.parent.name
    targets = [option["target"] for option in options.values()]
    assert len(targets) == len(set(targets))
    ports = {name for service in runtime["privileges"].values() for name in service["ports"]}
    assert ports == {option["target"] for option in options.values() if option["type"] == "port"}
    defaults = {option["default"] for option in options.values() if option["type"] in ("path_dir", "path_file")}
    placed = [entry["path"] for entry in runtime["directories"] + runtime["artifacts"]]
    assert defaults == {f"./{path}" for path in placed}
    assert {runtime["health"]["port"], *(metric["port"] for metric in runtime["metrics"])} <= set(targets)


def test_there_are_adapters() -> None:
    profiles = ("v2.6.0/mainnet", "v2.7.0/hoodi", "v2.7.0/mainnet")
    assert [name_of(path.parent) for path in ADAPTERS] == [f"tap/packages/eigenda/{name}" for name in profiles]


def test_images_can_be_built_as_listed() -> None:
    images = load(IMAGES / "images.yml")["images"]
    tags = {f"{image['name']}:{tag}" for image in images for tag in image["tags"]}
    for profile in PROFILES:
        services = load(profile / "docker-compose.yml")["services"].values()
        assert {service["image"].removeprefix("registry.example.org/") for service in services} <= tags
        plugin = load(profile.parent / "manifest.yml")["plugin"]["image"]
        assert plugin.removeprefix("registry.example.org/") in tags
    for image in images:
        assert image["base"] in ("python", "nginx")
        context = IMAGES / image["context"]
        dockerfile = (context / image["dockerfile"]).read_text()
        assert "ARG BASE\nFROM ${BASE}\n" in dockerfile
        for name in image.get("build_args", {}):
            assert f"ARG {name}\n" in dockerfile
        for source in re.findall(r"^COPY (\S+) ", dockerfile, re.MULTILINE):
            assert (context / source).exists(), source
