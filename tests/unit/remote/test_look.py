# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts are asked before the first one is touched."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import Built
from ansible_collections.restaking.avs.plugins.plugin_utils.remote import to_do
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.calls import Terms

from tests.unit.remote.test_calls import REFUSED, Fleet, Host, accept, built, read, reconcile, refuse, told, tree

__all__ = ["built", "tree"]
NO_ENGINE: dict[str, Any] = {"failed": True, "msg": "no", "findings": [{"id": "OPS-004", "severity": "error"}]}


def test_a_look_is_told_what_would_be_refused_and_does_nothing(built: Built) -> None:
    needs = {"demo-avs-op1": {"tree": True, "secrets": ["key.bls.keystore"]}}
    host, fleet = Host(needs, {"changed": True, "instances": []}), Fleet(accept)
    answer = reconcile(built, Terms(look=True), host, read, accept, fleet)
    assert answer == {"changed": False, "instances": [{"id": "demo-avs-op2"}], "findings": [], "to_do": ["demo-avs-op1"]}
    assert [(document["trial"], values) for document, values in host.calls] == [(False, {}), (True, {})] and fleet.sending is False
    host = Host(needs, REFUSED)
    with pytest.raises(InputError) as caught:
        reconcile(built, Terms(look=True), host, read, accept)
    assert told(caught.value) == {("demo-avs-op2: services.node", "is privileged")}
    # What may be put right before its turn comes is not judged now.
    answer = reconcile(built, Terms(look=True, judged=False), host, read, accept)
    assert answer["to_do"] == ["demo-avs-op1"] and len(host.calls) == 3
    # Where there is nothing to do a look is all there is.
    host = Host({})
    assert "to_do" not in reconcile(built, Terms(look=True), host, refuse, accept) and len(host.calls) == 1


def test_who_has_something_to_do_is_known_in_the_order_of_the_play(tmp_path: Path) -> None:
    def task(host: str, place: int) -> Any:
        return SimpleNamespace(temp=str(tmp_path), host=host, place=place)

    assert to_do.hosts_to_do(str(tmp_path)) is None
    quiet = {"changed": False, "instances": []}
    assert to_do.seen(task("h9", 0), quiet, False) == quiet and to_do.hosts_to_do(str(tmp_path)) == []
    for host, place in (("h1", 2), ("h3", 1)):
        to_do.seen(task(host, place), {**quiet, "to_do": ["demo-avs-op1"]}, False)
    # Where its engine is about to come it cannot be asked; elsewhere that is a failure, and so is what else is wrong with it.
    assert not to_do.seen(task("h2", 3), NO_ENGINE, True).get("failed")
    more = {**NO_ENGINE, "findings": [*NO_ENGINE["findings"], {"id": "OPS-010", "severity": "error"}]}
    assert to_do.seen(task("h4", 4), NO_ENGINE, False)["failed"] and to_do.seen(task("h5", 5), more, True)["failed"]
    assert to_do.hosts_to_do(str(tmp_path)) == ["h3", "h1", "h2"]
