# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two calls to a host."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import AvsError, InputError, SecretError
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import Finding
from ansible_collections.restaking.avs.plugins.module_utils.system import scratch
from ansible_collections.restaking.avs.plugins.module_utils.system.trees import tree_digest
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import Built, build_specs
from ansible_collections.restaking.avs.plugins.plugin_utils.remote import calls, transfer
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.calls import Terms
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Need

from tests.unit.support.fakes import Numbered, entry, package, profile
from tests.unit.support.keystores import keystore


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "pkg/hoodi").mkdir(parents=True)
    (root / "pkg/hoodi/docker-compose.yml").write_text("services: {}\n")
    (root / "pkg/run.sh").write_text("#!/bin/sh\n")
    (root / "pkg/run.sh").chmod(0o755)
    return root


@pytest.fixture
def built(tree: Path) -> Built:
    entries, _findings = parse_instances([entry(), entry(tag="op2")])
    return build_specs(entries, lambda _entry: package(profiles={"hoodi": profile(tree=tree)}), Numbered())


class Host:
    """Answers the first call with ``needs``, the second with ``last``."""

    def __init__(self, needs: Mapping[str, Any], last: Mapping[str, Any] | None = None) -> None:
        self.needs, self.last = dict(needs), dict(last or {"changed": True, "instances": []})
        self.calls: list[tuple[dict[str, Any], dict[str, dict[str, str]]]] = []

    def require_stdin(self) -> None:
        """These get no secret but what a test gives them."""

    def call(self, document: dict[str, Any], values: dict[str, dict[str, str]] | None = None) -> dict[str, Any]:
        self.calls.append((document, values or {}))
        if document["complete"]:
            return dict(self.last)
        return {"changed": False, "instances": [{"id": "demo-avs-op2"}], **({"needs": self.needs} if self.needs else {})}


REFUSED = {
    "failed": True,
    "msg": "the instances cannot be made as specified",
    "findings": [
        {"id": "PRIV-002", "severity": "error", "place": "demo-avs-op2: services.node", "message": "is privileged"},
        {"id": "PRIV-003", "severity": "warning", "place": "demo-avs-op2", "message": "runs as root"},
    ],
}


def told(error: AvsError) -> set[tuple[str, str]]:
    return {(item.place, item.message) for item in error.findings}


def read(needs: list[Need]) -> tuple[dict[Need, str], list[Finding]]:
    return {need: value_of(need) for need in needs}, []


def value_of(need: Need) -> str:
    """A value that is easily found again, in the form the key has."""
    canary = f"canary-{need.instance}-{need.name}"
    return keystore(need.form.kind, canary) if need.form is not None and not need.form.password else canary


def refuse(*_arguments: Any) -> Any:
    raise AssertionError("values were read")


def accept(_first: Any, _values: Any) -> list[Finding]:
    return []


class Fleet:
    """``heard``: what it was told of the host's first answer; ``left``: that nothing more will come."""

    def __init__(self, review: Any) -> None:
        self._review, self.heard, self.left, self.sending = review, None, False, None

    def answered(self, first: Any) -> None:
        self.heard = dict(first)

    def leave(self) -> None:
        self.left = True

    def review(self, _specs: Any, values: Any, sending: bool = True) -> Any:
        self.sending = sending
        return self._review(self.heard, values)


def reconcile(built: Built, terms: Terms, host: Any, values: Any, review: Any, fleet: Any = None) -> dict[str, Any]:
    """``values`` is all that is asked of the sources, ``review`` what the fleet says."""
    sources: Any = SimpleNamespace(values=values)
    return calls.reconcile(built, terms, host, sources, fleet or Fleet(review))


def test_one_call_where_nothing_is_to_be_done(built: Built) -> None:
    host = Host({})
    answer = reconcile(built, Terms(lock_timeout=5, settings={"image_policy": "tag"}), host, refuse, accept)
    ((document, values),) = host.calls
    assert answer["changed"] is False and values == {}
    assert (document["schema"], document["complete"], document["trees"], document["lock_timeout"]) == (1, False, {}, 5)
    assert document["settings"] == {"image_policy": "tag"}
    assert [spec["id"] for spec in document["specs"]] == ["demo-avs-op1", "demo-avs-op2"]
    assert "@" in document["holder"] and document["holder"].rpartition(":")[2].isdigit()


def test_just_what_the_host_asks_for(built: Built, tree: Path) -> None:
    host = Host({"demo-avs-op1": {"tree": True, "secrets": ["key.bls.password"]}, "demo-avs-op2": {"tree": False, "secrets": []}})
    answer = reconcile(built, Terms(), host, read, accept)
    document, values = host.calls[1]
    assert answer == {"changed": True, "instances": []}
    assert document["complete"] and document["specs"] == host.calls[0][0]["specs"]
    assert list(document["trees"]) == ["ab" * 32]
    assert values == {"demo-avs-op1": {"key.bls.password": "canary-demo-avs-op1-key.bls.password"}}
    assert "canary" not in json.dumps(document)


def test_work_without_contents(built: Built) -> None:
    host = Host({"demo-avs-op1": {"tree": False, "secrets": []}})
    reconcile(built, Terms(), host, refuse, accept)
    assert host.calls[1][0]["trees"] == {} and host.calls[1][1] == {}


def test_check_mode_judges_values_and_sends_none(built: Built) -> None:
    seen: list[Any] = []

    def review(_first: Any, values: Any) -> list[Finding]:
        seen.append(values)
        return []

    host = Host({"demo-avs-op1": {"tree": True, "secrets": ["key.bls.keystore"]}})
    # Nothing is sent, so it is no matter whether it could be.
    host.require_stdin = refuse  # type: ignore[method-assign]
    fleet = Fleet(review)
    reconcile(built, Terms(check=True), host, read, review, fleet)
    document, values = host.calls[1]
    assert document["trees"] and values == {} and fleet.sending is False
    assert list(seen[0]["demo-avs-op1"]) == ["key.bls.keystore"]
    with pytest.raises(SecretError) as caught:
        reconcile(built, Terms(check=True), host, lambda needs: (dict.fromkeys(needs, "canary"), []), accept)
    assert [item.id for item in caught.value.findings] == ["KEY-010"]


def test_what_is_told_of_new_keys_is_part_of_the_answer(built: Built) -> None:
    warning = Finding("KEY-012", "warning", "demo-avs-op1.keys.bls", "not compared")
    host = Host({"demo-avs-op1": {"tree": False, "secrets": ["key.bls.keystore"]}}, {"changed": True, "findings": []})
    answer = reconcile(built, Terms(), host, read, lambda _first, _values: [warning])
    assert [item["id"] for item in answer["findings"]] == ["KEY-012"]


@pytest.mark.parametrize("failure", ["the first call", "a value", "the inventory"])
def test_others_need_not_wait_for_a_host_that_failed(built: Built, broken: Built, failure: str) -> None:
    """And what it has is known all the same."""
    held = {
        "held": [{"id": "x"}],
        "failed": failure != "a value",
        "needs": {"demo-avs-op1": {"tree": False, "secrets": ["key.bls.keystore"]}},
    }
    fleet = Fleet(refuse)

    def values(_needs: list[Need]) -> Any:
        raise SecretError("sealed")

    host: Any = SimpleNamespace(call=lambda _document, _values=None: dict(held), require_stdin=lambda: None)
    with contextlib.suppress(SecretError, InputError):
        reconcile(broken if failure == "the inventory" else built, Terms(), host, values, refuse, fleet)
    assert fleet.left and fleet.heard is not None and fleet.heard["held"] == [{"id": "x"}]


def test_a_failed_first_call_is_the_last(built: Built) -> None:
    asked = []

    def fail(document: dict[str, Any]) -> dict[str, Any]:
        asked.append(document)
        return {"failed": True, "msg": "locked", "needs": {"demo-avs-op1": {"tree": True, "secrets": []}}}

    assert reconcile(built, Terms(), SimpleNamespace(call=fail), refuse, accept) == {"failed": True, "msg": "locked"}
    assert len(asked) == 1


def test_a_review_may_stop_before_anything_is_sent(built: Built) -> None:
    seen: list[Any] = []

    def review(first: Any, values: Any) -> None:
        seen.append((first["instances"], values))
        raise InputError("a key would run twice")

    host = Host({"demo-avs-op1": {"tree": False, "secrets": ["key.bls.keystore"]}}, REFUSED)
    with pytest.raises(InputError) as caught:
        reconcile(built, Terms(), host, read, review)
    assert told(caught.value) == {("", "a key would run twice"), ("demo-avs-op2: services.node", "is privileged")}
    ((_first, _none), (second, values)) = host.calls
    assert (second["trial"], second["complete"], values) == (True, True, {})
    sent = {"demo-avs-op1": {"key.bls.keystore": keystore("bn254", "canary-demo-avs-op1-key.bls.keystore")}}
    assert seen == [([{"id": "demo-avs-op2"}], sent)]


def test_a_secret_that_cannot_be_read_stops_before_the_second_call(built: Built) -> None:
    def fail(_needs: list[Need]) -> Any:
        raise SecretError("sealed")

    host = Host({"demo-avs-op1": {"tree": False, "secrets": ["key.bls.keystore"]}}, REFUSED)
    with pytest.raises(SecretError) as caught:
        reconcile(built, Terms(), host, fail, accept)
    assert told(caught.value) == {("", "sealed"), ("demo-avs-op2: services.node", "is privileged")}
    assert [(document["trial"], values) for document, values in host.calls] == [(False, {}), (True, {})]


@pytest.fixture
def broken(tree: Path) -> Built:
    """A sound entry beside one with a misspelt option."""
    entries, _findings = parse_instances([entry(), entry(tag="op2", options={**entry()["options"], "nonsense": 1})])
    return build_specs(entries, lambda _entry: package(profiles={"hoodi": profile(tree=tree)}), Numbered())


def test_the_host_is_asked_about_the_rest(broken: Built) -> None:
    host = Host({"demo-avs-op1": {"tree": True, "secrets": ["key.bls.password"]}}, REFUSED)
    with pytest.raises(InputError) as caught:
        reconcile(broken, Terms(), host, refuse, refuse)
    assert {place for place, _message in told(caught.value)} == {"avs_instances[1].options.nonsense", "demo-avs-op2: services.node"}
    assert [(d["trial"], d["complete"], [s["id"] for s in d["specs"]], v) for d, v in host.calls] == [
        (True, False, ["demo-avs-op1"], {}),
        (True, True, ["demo-avs-op1"], {}),
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"changed": False, "instances": []}, set()),
        ({"failed": True, "msg": "out of reach"}, {("", "the host could not be asked: out of reach")}),
        ({"failed": True, "msg": "x", "findings": [{"id": "OPS-004", "severity": "error", "message": "no engine"}]}, {("", "no engine")}),
    ],
)  # fmt: skip
def test_a_host_without_more_to_say(broken: Built, answer: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    with pytest.raises(InputError) as caught:
        reconcile(broken, Terms(), SimpleNamespace(call=lambda _document: dict(answer)), refuse, refuse)
    known = "avs_instances[1].options.nonsense"
    assert {item for item in told(caught.value) if item[0] != known} == expected


def test_nothing_sound_is_nothing_to_ask(tree: Path) -> None:
    entries, _findings = parse_instances([entry(options={**entry()["options"], "nonsense": 1})])
    built = build_specs(entries, lambda _entry: package(profiles={"hoodi": profile(tree=tree)}), Numbered())
    with pytest.raises(InputError):
        reconcile(built, Terms(), SimpleNamespace(call=refuse), refuse, refuse)


@pytest.mark.parametrize(("value", "fits"), [("8080", True), ("", False), ("80\n", False), ("70000", False)])
def test_a_value_behind_a_reference_obeys_its_option(tree: Path, value: str, fits: bool) -> None:
    hidden = {"name": "token", "target": "TOKEN", "type": "port", "help": "Token", "hidden": True}
    reference = {"source": "vault", "path": "avs/op1", "field": "token"}
    entries, _findings = parse_instances([entry(options={"token": reference})])
    offered = package(profiles={"hoodi": profile(tree=tree, options=[hidden])})
    built = build_specs(entries, lambda _entry: offered, Numbered())
    host = Host({"demo-avs-op1": {"tree": False, "secrets": ["option.token"]}})
    if fits:
        reconcile(built, Terms(), host, lambda needs: (dict.fromkeys(needs, value), []), accept)
        assert host.calls[1][1] == {"demo-avs-op1": {"option.token": value}}
    else:
        with pytest.raises(SecretError) as caught:
            reconcile(built, Terms(), host, lambda needs: (dict.fromkeys(needs, value), []), accept)
        (found,) = caught.value.findings
        assert (found.id, found.place) == ("OPT-001", "avs_instances[0].options.token")
        assert found.remedy and (not value or value not in found.as_line())
        assert all(not values for _document, values in host.calls)


def test_a_key_with_a_nul_is_refused_before_it_is_sent(built: Built) -> None:
    host = Host({"demo-avs-op1": {"tree": False, "secrets": ["key.bls.password"]}})
    with pytest.raises(SecretError) as caught:
        reconcile(built, Terms(), host, lambda needs: (dict.fromkeys(needs, "canary\0"), []), accept)
    (found,) = caught.value.findings
    assert (found.id, found.place) == ("SEC-003", "avs_instances[0].keys.bls") and "canary" not in found.as_line()
    assert all(not values for _document, values in host.calls)


def unpack(packed: str) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed)), mode="r:gz")


def test_a_packed_tree_has_the_same_digest(tree: Path, tmp_path: Path) -> None:
    packed = transfer.pack(tree)
    with unpack(packed) as archive:
        assert [(entry.name, entry.mode, entry.uid, entry.mtime) for entry in archive] == [
            ("pkg/hoodi/docker-compose.yml", 0o644, 0, 0),
            ("pkg/run.sh", 0o755, 0, 0),
        ]
    out = tmp_path / "out"
    out.mkdir()
    scratch.unpack(packed, str(out), tree_digest(str(tree)), "demo")


def test_the_same_tree_gives_the_same_bytes(tree: Path) -> None:
    first = transfer.pack(tree)
    (tree / "pkg/run.sh").touch()
    (tree / "pkg/hoodi/docker-compose.yml").chmod(0o600)
    assert transfer.pack(tree) == first


def test_links_are_not_sent(tree: Path) -> None:
    (tree / "pkg/link").symlink_to("/etc/passwd")
    with unpack(transfer.pack(tree)) as archive:
        assert "pkg/link" not in archive.getnames()


def test_a_tree_that_is_too_large(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "MAX_BYTES", 100)
    with pytest.raises(InputError, match="too large to send") as caught:
        transfer.pack(tree, "demo-avs-op1")
    assert caught.value.findings[0].place == "demo-avs-op1" and "artifacts" in caught.value.findings[0].remedy
