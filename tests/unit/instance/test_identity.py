# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import Reference, Secret
from ansible_collections.restaking.avs.plugins.module_utils.instance.identity import UNKNOWN, Seen, alias, identify, matches, spec_digest
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import SecretRecord, State

from tests.unit.support.models import spec, typed

KEY = b"k" * 32


def mac(value: str, nonce: str = "00ff") -> dict[str, str]:
    return {"nonce": nonce, "mac": hmac.new(bytes.fromhex(nonce), value.encode(), hashlib.sha256).hexdigest()}


def secret(reference: dict[str, str]) -> dict[str, Secret]:
    return {"s": Secret(ref=Reference.read(reference))}


def own(value: str) -> str:
    return "hmac:" + hmac.new(KEY, value.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("reference", "recorded", "stored", "given", "expected"),
    [
        ({"version": "vault:x#3"}, None, None, None, "vault:x#3"),
        ({"version": "vault:x#3"}, "vault:x#2", "old", "new", "vault:x#3"),
        (mac("v"), None, None, "v", own("v")),
        (mac("v"), None, "v", None, own("v")),
        (mac("v"), own("old"), "old", None, UNKNOWN + mac("v")["mac"]),
        (mac("v"), own("v"), None, None, own("v")),
        (mac("v"), None, None, None, UNKNOWN + mac("v")["mac"]),
    ],
)
def test_identify(reference: dict[str, str], recorded: str | None, stored: str | None, given: str | None, expected: str) -> None:
    def one(value: str | None) -> dict[str, str]:
        return {} if value is None else {"s": value}

    assert identify(secret(reference), Seen(one(recorded), {}, one(stored)), KEY, one(given)) == {"s": expected}


@pytest.mark.parametrize(
    ("reference", "held", "stored", "given", "alias", "expected"),
    [
        # The store moved: the value that comes is the one that is held.
        ({"version": "vault:new:s/x#1@t:f"}, "vault:old:s/x#7@t:f", "v", "v", None, "vault:old:s/x#7@t:f"),
        # It was seen to be the same in an earlier run; neither is the value sent again, nor is it needed after a restart of the host.
        ({"version": "vault:new:s/x#1@t:f"}, "vault:old:s/x#7@t:f", "v", None, "vault:new:s/x#1@t:f", "vault:old:s/x#7@t:f"),
        ({"version": "vault:new:s/x#1@t:f"}, None, None, "v", "vault:new:s/x#1@t:f", "vault:old:s/x#7@t:f"),
        # Another value, a value nobody sent, a value of a run that was cut, another alias: a new identity each.
        ({"version": "vault:new:s/x#1@t:f"}, "vault:old:s/x#7@t:f", "v", "w", None, "vault:new:s/x#1@t:f"),
        ({"version": "vault:new:s/x#1@t:f"}, "vault:old:s/x#7@t:f", "v", None, None, "vault:new:s/x#1@t:f"),
        ({"version": "vault:new:s/x#1@t:f"}, "vault:old:s/x#8@t:f", "v", "v", None, "vault:new:s/x#1@t:f"),
        ({"version": "vault:new:s/x#2@t:f"}, "vault:old:s/x#7@t:f", "v", None, "vault:new:s/x#1@t:f", "vault:new:s/x#2@t:f"),
        # From a store to a file and back.
        (mac("v"), "vault:old:s/x#7@t:f", "v", None, None, "vault:old:s/x#7@t:f"),
        (mac("w"), "vault:old:s/x#7@t:f", "v", "w", None, own("w")),
    ],
)
def test_a_value_that_is_the_same_keeps_its_identity(
    reference: dict[str, str], held: str | None, stored: str | None, given: str | None, alias: str | None, expected: str
) -> None:
    def one(value: str | None) -> dict[str, str]:
        return {} if value is None else {"s": value}

    recorded = {"s": "vault:old:s/x#7@t:f"}
    assert identify(secret(reference), Seen(recorded, one(alias), one(stored), one(held)), KEY, one(given)) == {"s": expected}


def test_what_a_state_says_of_a_value_that_moved() -> None:
    assert alias(Reference(version="new"), "old") == {"alias": "new"}
    assert alias(Reference(version="old"), "old") == alias(Reference.read(mac("v")), "old") == {}
    state = State(phase="committed", secrets={"a": SecretRecord(identity="old", alias="new"), "b": SecretRecord(identity="x")})
    assert (state.identities, state.aliases) == ({"a": "old", "b": "x"}, {"a": "new"})


def test_the_same_value_under_another_nonce_is_the_same_secret() -> None:
    first = identify(secret(mac("v", "aa")), Seen(stored={"s": "v"}), KEY)
    assert first == identify(secret(mac("v", "bb")), Seen(stored={"s": "v"}), KEY)
    assert matches(Reference.read(mac("v")), "v")
    assert not matches(Reference.read(mac("v")), "w")
    assert not matches(Reference(version="1"), "v")


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"state": "stopped"}, True),
        ({"purge": True}, True),
        ({"findings": [{"id": "X"}]}, True),
        ({"env": {"A": "1"}}, False),
        ({"health": {"type": "tcp"}}, False),
        ({"profile": "mainnet"}, False),
        ({"limits": {"node": {"pids": 1}}}, False),
        ({"exceptions": [{"service": "node", "allow": ["network_host"], "reason": "x"}]}, False),
    ],
)
def test_what_a_digest_is_of(change: dict[str, Any], same: bool) -> None:
    assert (spec_digest(typed(**change), {}) == spec_digest(typed(), {})) is same


@pytest.mark.parametrize(
    ("field", "same"), [("source", True), ("upgrade", True), ("version", False), ("commit", False), ("tree_sha256", False)]
)
def test_what_of_the_package_counts(field: str, same: bool) -> None:
    other = typed(package={**spec()["package"], field: "other"})
    assert (spec_digest(other, {}) == spec_digest(typed(), {})) is same


def test_a_secret_counts_by_its_identity_alone() -> None:
    def made(nonce: str, identity: str) -> str:
        return spec_digest(typed(secrets={"s": {"ref": mac("v", nonce), "env": ["A"], "services": []}}), {"s": identity})

    assert made("aa", "x") == made("bb", "x")
    assert made("aa", "x") != made("aa", "y")
