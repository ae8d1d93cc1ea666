# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same entry with another version: what is the operator's, and what is the package's."""

from __future__ import annotations

from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.common.findings import errors_of
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import Built, build_specs

from tests.unit.support.fakes import RUNTIME, Numbered, entry, package, profile

TOKEN = {"source": "vault", "path": "avs/op1/rpc", "field": "token"}
IMAGE = {"name": "image", "target": "IMAGE", "type": "str", "help": "h", "default": "node:1"}
PORT = {"name": "port", "target": "PORT", "type": "port", "help": "h", "default": 1}
FOLDER = {"name": "folder", "target": "FOLDER", "type": "path_dir", "help": "h"}
SECRET = {"name": "token", "target": "TOKEN", "type": "str", "help": "h", "hidden": True}


def spec_of(options: list[dict[str, Any]], given: dict[str, Any], renames: str = "") -> tuple[Built, dict[str, Any], Numbered]:
    references = Numbered()
    offered = package(profiles={"hoodi": profile(runtime=RUNTIME + f"\nrenames: {{{renames}}}\n".encode(), options=options)})
    entries, findings = parse_instances([entry(options=given)])
    built = build_specs(entries, lambda _entry: offered, references, findings)
    return built, built.specs[0] if built.specs else {}, references


def test_an_old_default_is_no_value_of_the_operator() -> None:
    """The image follows the version, and so does whatever else nobody chose; what was chosen stays, though it was the default then."""
    old = spec_of([IMAGE, PORT], {"port": 1})[1]
    new = spec_of([{**IMAGE, "default": "node:2"}, {**PORT, "default": 2}], {"port": 1})[1]
    assert (old["env"], new["env"]) == ({"IMAGE": "node:1", "PORT": "1"}, {"IMAGE": "node:2", "PORT": "1"})


def test_a_value_that_is_not_valid_any_more_goes_nowhere() -> None:
    narrow = {**PORT, "type": "int", "default": 5, "validate": {"min_value": 5}}
    built, spec, _references = spec_of([narrow], {"port": 1})
    assert spec == {} and [(item.id, item.place) for item in errors_of(built.findings)] == [("OPT-001", "avs_instances[0].options.port")]


def test_what_was_given_under_an_old_name_counts_everywhere() -> None:
    given = {"old-port": 5, "old-folder": "/srv/node", "old-token": TOKEN}
    built, spec, references = spec_of([PORT, FOLDER, SECRET], given, "old-port: port, old-folder: folder, old-token: token")
    assert spec["env"] == {"PORT": "5", "FOLDER": "/srv/node"} and spec["paths"] == ["/srv/node"]
    assert spec["secrets"]["option.token"]["env"] == ["TOKEN"]
    places = {need.name: need.place for need in references.needs}
    assert places["option.token"] == "avs_instances[0].options.old-token" and "token" in repr(built.options)
    assert sorted(item.place for item in built.findings if item.id == "UPG-007") == [
        f"avs_instances[0].options.old-{name}" for name in ("folder", "port", "token")
    ]
    # With the new names the host is told the same, so the inventory can be changed without touching the node.
    again = spec_of([PORT, FOLDER, SECRET], {"port": 5, "folder": "/srv/node", "token": TOKEN}, "old-port: port")[1]
    assert {**again, "findings": spec["findings"]} == spec
