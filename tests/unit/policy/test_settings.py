# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each setting of the compose specification, with a harmless value and a harmful one, against the table."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import errors_of
from ansible_collections.restaking.avs.plugins.module_utils.docker.references import reference_problem
from ansible_collections.restaking.avs.plugins.module_utils.policy import setting_values as v
from ansible_collections.restaking.avs.plugins.module_utils.policy.mounts import place_mounts
from ansible_collections.restaking.avs.plugins.module_utils.policy.services import check
from ansible_collections.restaking.avs.plugins.module_utils.policy.settings import TABLE, judge_settings

from tests.unit.support.compose_settings import HARMFUL, HARMLESS, SAFE_WHATEVER, model_with
from tests.unit.support.compose_specification import SETTINGS
from tests.unit.support.models import layout, model, told, typed

STATED = {"node": {"cap_add": []}}


def judged(resolved: dict[str, Any], **changes: Any) -> list[tuple[str, str, str]]:
    """Errors of what is asked for. What is harmless and no engine takes (PKG-020) is another matter."""
    asked = typed(**changes)
    found = [*check(asked, resolved), *place_mounts(asked, resolved, layout()).findings]
    return told(item for item in errors_of(found) if item.id != "PKG-020")


def row_of(path: str) -> str:
    """The row that decides over a setting: its own, or that of the setting it is a part of."""
    while path not in TABLE:
        path = path[:-2] if path.endswith(("[]", ".*")) else path.rpartition(".")[0] if "." in path else ""
    return path


@pytest.mark.parametrize("path", SETTINGS)
def test_every_setting_of_the_specification_has_a_row(path: str) -> None:
    row = TABLE[row_of(path)]
    unknown = "services.*.pre_start[]"
    assert row.path == path or row.allowed.whole or path.startswith(unknown), f"{path} is nowhere in the table"


@pytest.mark.parametrize("path", sorted(path for path, row in TABLE.items() if row.allowed.whole))
def test_every_row_has_been_tried(path: str) -> None:
    """A row nobody tries is a row nobody thought of: a value it lets through, and one it refuses or a word why every value is safe."""
    assert path in HARMLESS
    assert (path in HARMFUL) != (path in SAFE_WHATEVER)


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in HARMLESS.items() for value in values])
def test_harmless(path: str, value: Any) -> None:
    assert judged(model_with(path, value)) == []


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in HARMFUL.items() for value in values])
def test_harmful(path: str, value: Any) -> None:
    found = judged(model_with(path, value))
    assert found, f"{path}: {value!r} is let through"
    assert all(severity == "error" for _rule, severity, _place in found)


@pytest.mark.parametrize(
    ("service", "place"),
    [
        ({"healthcheck": {"test": ["CMD", "a"], "shell": "x"}}, "services.node.healthcheck.shell"),
        ({"newer": 1}, "services.node.newer"),
        ({"deploy": {"resources": {"limits": {"disk": "1g"}}}}, "services.node.deploy.resources.limits.disk"),
        ({"volumes": [{"type": "volume", "source": "v", "target": "/v", "cluster": {}}]}, "services.node.volumes.cluster"),
        ({"networks": {"n": {"rights": "all"}}}, "services.node.networks.n.rights"),
    ],
)
def test_what_nobody_has_heard_of_is_refused_at_any_depth(service: dict[str, Any], place: str) -> None:
    assert told(judge_settings("demo-avs-op1", model(node=service), {})) == [("PRIV-002", "error", place)]


def test_unknown_sections_and_extensions() -> None:
    resolved = {**model(node={"x-team": 1, "healthcheck": {"x-why": 1}}), "x-top": {}, "newer": {"a": {}}}
    assert told(judge_settings("demo-avs-op1", resolved, {})) == [("PRIV-002", "error", "newer")]


def test_names_of_composes_own_source_are_judged_as_well() -> None:
    """Compose 2.26 prints `Path` and `Rate`."""
    assert judged(model_with("services.*.blkio_config.device_read_bps", [{"Path": "/dev/sda", "Rate": "1048576"}])) == []
    assert judged(model_with("services.*.blkio_config.device_read_bps", [{"Path": "/etc/shadow", "Rate": "1048576"}])) != []


@pytest.mark.parametrize(
    "setting",
    [{"aliases": ["rpc"]}, {"ipv4_address": "10.0.0.1"}, {"mac_address": "02:42:ac:11:65:43"}, {"link_local_ips": ["169.254.1.1"]}],
)
def test_on_an_operators_network_a_package_takes_no_name_and_no_address(setting: dict[str, Any]) -> None:
    own = {**model(node={"networks": {"n": setting}}), "networks": {"n": {}}}
    assert judged(own) == []
    shared = {**own, "networks": {"n": {"external": True, "name": "rpc-net"}}}
    ((rule, severity, place),) = judged(shared)
    assert (rule, severity) == ("PRIV-002", "error")
    assert place == f"services.node.networks.n.{next(iter(setting))}"


def test_a_link_copies_secrets_on_the_engines_default_network_alone() -> None:
    assert judged(model(node={"links": ["other"]}, other={})) == []
    assert judged(model(node={"links": ["other"], "network_mode": "bridge"}, other={})) == [("PRIV-002", "error", "services.node.links")]


def test_short_forms_that_only_lint_sees() -> None:
    service = {
        "labels": ["a=1", "b"],
        "environment": ["A=1"],
        "depends_on": ["other"],
        "networks": ["n"],
        "ports": ["8080:80"],
        "sysctls": ["net.core.somaxconn=1024"],
        "tmpfs": "/run",
        "dns": "8.8.8.8",
    }
    assert judged({**model(node=service, other={}), "networks": {"n": None}}) == []
    assert judged(model(node={"labels": ["avs.instance=other-op1"]})) == [("PRIV-002", "error", "services.node.labels")]
    assert judged(model(node={"sysctls": ["kernel.core_pattern=|/x"]})) == [("PRIV-002", "error", "services.node.sysctls")]


def test_an_updaters_label_is_an_upgrade() -> None:
    label = "com.centurylinklabs.watchtower.enable"
    assert judged(model(node={"labels": {label: "true"}})) == [("UPG-001", "error", "services.node.labels")]
    assert judged(model(node={"labels": {label: "false"}})) == []


@pytest.mark.parametrize("name", ["--help", "-f", ".", "..", ".hidden", "a b", "a/b", "x" * 129, ""])
def test_names_are_never_options_or_paths(name: str) -> None:
    refused = {("PKG-005", "error")}
    assert {item[:2] for item in judged({"services": {name: {"image": "a:1"}}})} == refused
    for section in ("networks", "volumes", "configs", "secrets"):
        assert ("PKG-005", "error", f"{section}.{name}") in judged({**model(node={}), section: {name: {}}})


@pytest.mark.parametrize("image", [
    "--format=x", "-q", "a b:1", "a:1 --x", "a/UPPER:1", "a@sha256:12", f"a@sha512:{'0' * 128}", "a:" + "t" * 129, "/".join(["a" * 60] * 5) + ":1",
    "a:1\n", "", "http://a/b:1", "a//b:1", "a/../b:1", f"sha256:{'0' * 64}", "sha256:12ab", "0" * 64, "deadbeef", "0", "[::1/a:1",
])  # fmt: skip
def test_what_is_no_image_reference(image: str) -> None:
    assert judged(model(node={"image": image})) == [("PKG-018", "error", "services.node.image")]


@pytest.mark.parametrize("image", [
    "demo", "a:1", "deadbeef:1", f"deadbeef@sha256:{'0' * 64}", "r.example:5000/a/b_c/d__e/f--g:v1.2.3-rc.1_x", "[::1]:5000/a:1", "Host/a:1",
    f"r/a:1@sha256:{'0' * 64}", "a:" + "t" * 128, "ghcr.io/a/b",
])  # fmt: skip
def test_image_references(image: str) -> None:
    assert judged(model(node={"image": image})) == []


@pytest.mark.parametrize("piece", ["1", "a", "1.", "a-", "a.", "a/", "-", "_", "1m", ",", "0,", " ", "é"])
def test_long_values_are_judged_in_no_time(piece: str) -> None:
    """A pattern that goes back and forth over a text would hold a host for hours."""
    text = piece * 20000 + "!"
    started = time.monotonic()
    for row in TABLE.values():
        for value in (text, [text], {text: text}):
            for _problem in row.allowed.judge(value, v.About(model(), {})):
                pass
    reference_problem(text)
    reference_problem(text[:1000] + "!")
    judged(model(**{text: {}}))
    assert time.monotonic() - started < 5


def test_words_for_people_say_what_is_wrong_and_what_to_do() -> None:
    (found,) = check(typed(privileges=STATED), model(node={"annotations": {"org.systemd.property.ExecStop": "x"}}))
    assert found.place == "demo-avs-op1: services.node.annotations"
    assert "org.systemd.property.ExecStop" in found.message
    assert found.remedy == v.REMOVE
