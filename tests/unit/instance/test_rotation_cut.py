# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rotation that is cut at any operation on files ends, after the next run, as one that was not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.digests import keyed_digest
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import Secret
from ansible_collections.restaking.avs.plugins.module_utils.instance import key_files
from ansible_collections.restaking.avs.plugins.module_utils.instance.identity import Seen, identify
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import SecretRecord, State
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.unchanged import needed_secrets
from ansible_collections.restaking.avs.plugins.module_utils.system import files

KEY = b"k" * 32
NAME, OTHER = "option.token", "option.other"
VARIABLES = {NAME: "AVS_SECRET_1", OTHER: "AVS_SECRET_2"}
LAST = 20
OPERATIONS = ("open", "rename", "unlink", "fsync", "mkdir", "chmod")


class Cut(BaseException):
    """The host goes off."""


def cut_at(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """The ``limit``-th operation on files does not happen, nor any after it."""
    count = 0

    def counted(function: Any) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count >= limit:
                raise Cut
            return function(*arguments, **more)

        return call

    for name in OPERATIONS:
        monkeypatch.setattr(files.os, name, counted(getattr(os, name)))


def reference(value: str, number: int, versions: bool) -> dict[str, str]:
    if versions:
        return {"version": f"vault:st:p#{number}@t:f"}
    return {"nonce": "aa", "mac": keyed_digest(b"\xaa", value)}


def identity(value: str, number: int, versions: bool) -> str:
    return f"vault:st:p#{number}@t:f" if versions else f"hmac:{keyed_digest(KEY, value)}"


def write_as_before(own: InstanceStore, values: dict[str, str], identities: dict[str, str], _variables: dict[str, str]) -> None:
    """Two files, as releases until now kept them."""
    own.make_run()
    files.write(own.secrets_env, key_files.env_text(values, VARIABLES).encode())
    files.write_json(os.path.join(own.run, "secrets.json"), values)
    files.write_json(os.path.join(own.run, "identities.json"), identities)


def settled(own: InstanceStore, identities: dict[str, str]) -> bool:
    values = key_files.stored(own)
    return key_files.secrets_in_place(own, identities, values) and Path(own.secrets_env).read_text() == key_files.env_text(
        values, VARIABLES
    )


@pytest.mark.parametrize("write", [key_files.write_secrets, write_as_before])
@pytest.mark.parametrize("versions", [True, False], ids=["vault", "file"])
@pytest.mark.parametrize("limit", range(1, LAST + 1))
def test_the_new_value_is_never_taken_for_the_old_one(
    own: InstanceStore, monkeypatch: pytest.MonkeyPatch, limit: int, versions: bool, write: Any
) -> None:
    other = identity("same", 7, versions)
    before = {NAME: identity("old", 1, versions), OTHER: other}
    wanted = {NAME: identity("new", 2, versions), OTHER: other}
    state = State(phase="committed", secrets={name: SecretRecord(identity=value) for name, value in before.items()})
    references = {NAME: reference("new", 2, versions), OTHER: reference("same", 7, versions)}
    secrets = {name: Secret.read({"ref": found}) for name, found in references.items()}
    new = {NAME: "new", OTHER: "same"}

    def identities_of(given: dict[str, str]) -> dict[str, str]:
        return identify(secrets, Seen.of(own, state), KEY, given)

    write(own, {NAME: "old", OTHER: "same"}, before, VARIABLES)
    os.utime(os.path.join(own.run, "secrets.json"), ns=(1, 1))
    if os.path.exists(os.path.join(own.run, "identities.json")):
        os.utime(os.path.join(own.run, "identities.json"), ns=(2, 2))
    assert identities_of(new) == wanted
    with monkeypatch.context() as patch:
        cut_at(patch, limit)
        try:
            write(own, new, wanted, VARIABLES)
        except Cut:
            done = False
        else:
            done = True
    assert done or limit < LAST
    given = {name: new[name] for name in needed_secrets(secrets, own, state)}
    found = identities_of(given)
    assert found == wanted
    if not settled(own, found):
        key_files.write_secrets(own, {**key_files.stored(own), **given}, found, VARIABLES)
    assert key_files.stored(own) == new and settled(own, wanted)
