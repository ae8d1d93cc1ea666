# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts are asked before the first one is touched."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import Built
from ansible_collections.restaking.avs.plugins.plugin_utils.remote import to_do
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.calls import Terms

from tests.unit.remote.test_calls import Fleet, Host, accept, built, read, reconcile, refuse, tree

__all__ = ["built", "tree"]
NO_ENGINE: dict[str, Any] = {"failed": True, "msg": "no", "findings": [{"id": "OPS-004", "severity": "error"}]}


def test_a_look_tells_whether_there_is_anything_to_do_and_leaves_it(built: Built) -> None:
    host, fleet = Host({"demo-avs-op1": {"tree": True, "secrets": ["key.bls.keystore"]}}), Fleet(accept)
    answer = reconcile(built, Terms(look=True), host, read, accept, fleet)
    assert answer == {"changed": False, "instances": [{"id": "demo-avs-op2"}], "findings": [], "to_do": ["demo-avs-op1"]}
    assert [document["complete"] for document, _values in host.calls] == [False] and fleet.sending is False
    assert "to_do" not in reconcile(built, Terms(look=True), Host({}), refuse, accept)


def test_who_has_something_to_do_is_known_in_the_order_of_the_play(tmp_path: Path) -> None:
    def task(host: str, place: int) -> Any:
        return SimpleNamespace(temp=str(tmp_path), host=host, place=place, groups={"all", "web"})

    def known() -> tuple[list[str], list[str]]:
        return to_do.hosts_of(str(tmp_path), True), to_do.hosts_of(str(tmp_path), False)

    assert known() == ([], [])
    quiet: dict[str, Any] = {"changed": False, "instances": []}
    work = {**quiet, "to_do": ["demo-avs-op1"]}
    assert to_do.seen(task("h9", 0), quiet, False) == quiet
    for host, place in (("h1", 2), ("h3", 1)):
        to_do.seen(task(host, place), work, False)
    # Where its engine is about to come it cannot be asked; elsewhere that is a failure, and so is what else is wrong with it.
    assert not to_do.seen(task("h2", 3), NO_ENGINE, True).get("failed")
    more = {**NO_ENGINE, "findings": [*NO_ENGINE["findings"], {"id": "OPS-010", "severity": "error"}]}
    assert to_do.seen(task("h4", 4), NO_ENGINE, False)["failed"] and to_do.seen(task("h5", 5), more, True)["failed"]
    assert known() == (["h3", "h1", "h2"], ["h9"])
    # A host that was asked again is as it said last; one whose name a play would take for others is none of either.
    to_do.seen(task("h1", 2), quiet, False)
    for odd in ("web", "h1,h2", "!h3", "h*", "~h", "h[1]", "a:b"):
        to_do.seen(task(odd, 9), quiet, False)
        to_do.seen(task(odd, 9), work, False)
    assert known() == (["h3", "h2"], ["h9", "h1"])
