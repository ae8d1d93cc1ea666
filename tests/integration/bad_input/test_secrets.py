# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that cannot be had: what is not in the store, and a store that does not answer or does not let us in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest

from tests.integration.bad_input.refusal import BAD, Entry, assert_problems, refused
from tests.integration.support import Fleet, Host
from tests.lab import paths, vault


def test_no_keys_at_all(fleet: Fleet, standing: tuple[Host, Entry], bad: Any) -> None:
    host, good = standing
    refusal = refused(fleet, host, [good, bad(keys=[])])
    assert_problems(refusal, *[("KEY-009", f"{BAD}.keys")] * 2)
    assert "key bls (bn254) is missing" in refusal.message and "key ecdsa (ecdsa) is missing" in refusal.message


def test_a_key_missing_in_the_store_and_one_the_policy_keeps(fleet: Fleet, standing: tuple[Host, Entry], bad: Any) -> None:
    host, good = standing
    keys = [
        {"name": "bls", "kind": "bn254", "source": "vault", "path": "avs/nowhere/bls"},
        {"name": "ecdsa", "kind": "ecdsa", "source": "vault", "path": "other/ecdsa"},
    ]
    refusal = refused(fleet, host, [good, bad(keys=keys)])
    assert_problems(refusal, ("SEC-003", f"{BAD}.keys.bls"), ("SEC-002", f"{BAD}.keys.ecdsa"))
    assert "there is no secret at secret/avs/nowhere/bls" in refusal.message
    assert 'Add to the policy: path "secret/data/other/ecdsa"' in refusal.message


@contextmanager
def sealed() -> Iterator[None]:
    lab = paths.this_lab()
    vault.seal(lab)
    try:
        yield
    finally:
        vault.unseal(lab)


NOBODY = {"ansible_hashi_vault_url": "http://127.0.0.1:9"}
STRANGER = {"ansible_hashi_vault_secret_id": "wrong"}
FORGER = {"ansible_hashi_vault_auth_method": "token", "ansible_hashi_vault_token": "wrong"}
ROLE = "Check ansible_hashi_vault_role_id and ansible_hashi_vault_secret_id"


@pytest.mark.parametrize(
    ("situation", "variables", "rule", "says"),
    [
        (sealed, {}, "SEC-001", ("is sealed", "Unseal it, then run again.")),
        (nullcontext, NOBODY, "SEC-001", ("cannot be reached", "Check ansible_hashi_vault_url")),
        (nullcontext, STRANGER, "SEC-002", ("refuses the approle login at auth/approle", ROLE)),
        (nullcontext, FORGER, "SEC-002", ("does not know the token", "Get a new token.")),
    ],
    ids=["sealed", "unreachable", "approle denied", "token denied"],
)
def test_a_store_that_does_not_help(
    situation: Callable[[], AbstractContextManager[None]],
    variables: Entry,
    rule: str,
    says: tuple[str, ...],
    fleet: Fleet,
    standing: tuple[Host, Entry],
    bad: Any,
) -> None:
    """Both instances need secrets of it; each is named, with the option and the keys that could not be read."""
    host, good = standing
    entry = bad()
    with situation():
        refusal = refused(fleet, host, [good, entry], variables=variables)
    wanted = ("keys.bls", "keys.ecdsa", "options.rpc-token")
    assert_problems(refusal, *((rule, f"avs_instances[{number}].{place}") for number in (0, 1) for place in wanted))
    address = f"the secret store {({**fleet.variables, **variables})['ansible_hashi_vault_url']} {says[0]}"
    assert [text for text in (address, says[1]) if text not in refusal.message] == []
