# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that was installed by this release meets the specs of later ones; ``recorded/spec.json`` is what one left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.records import Record
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import Artifact, InstanceSpec, read_spec
from ansible_collections.restaking.avs.plugins.module_utils.instance.known_fields import as_recorded, same_spec
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore
from ansible_collections.restaking.avs.plugins.module_utils.system import files

from tests.unit.inventory.test_spec import build
from tests.unit.support.fakes import entry

RECORDED = json.loads((Path(__file__).parent / "recorded" / "spec.json").read_text())


SPEC = read_spec(RECORDED["spec"])
NEW = "from_a_later_release"


def same(own: InstanceStore, spec: InstanceSpec) -> bool:
    return same_spec(spec, RECORDED["identities"], RECORDED["digest"], RECORDED["transform"], own)


def later(name: str, value: Any) -> InstanceSpec:
    """The spec of a release whose records called ``name`` have a field more."""
    part = getattr(SPEC, name)
    if isinstance(part, Record):
        return SPEC.but(**{name: part.but(**{NEW: value})})
    if isinstance(part, dict):
        return SPEC.but(**{name: {key: one.but(**{NEW: value}) for key, one in part.items()}})
    return SPEC.but(**{name: [one.but(**{NEW: value}) for one in part]})


PLACES = ("package", "health", "keys", "privileges", "limits", "compose")


@pytest.fixture
def installed(own: InstanceStore) -> InstanceStore:
    own.make()
    files.write_json(own.path("spec.json"), RECORDED["spec"])
    return own


def test_what_this_release_makes_of_the_same_entry_is_the_same(installed: InstanceStore) -> None:
    (spec,) = build(entry(ports={"8080": "public"}, limits={"node": {"pids": 5}}, gate_timeout=30)).specs
    assert same(installed, read_spec(spec))


@pytest.mark.parametrize("default", [None, "", [], {}, False, {"files": [], "deeper": {"name": None}}])
def test_a_field_nobody_knew_is_no_change_while_it_holds_its_default(installed: InstanceStore, default: Any) -> None:
    for spec in (SPEC.but(**{NEW: default}), *(later(name, default) for name in PLACES)):
        assert spec != SPEC and same(installed, spec)
        assert as_recorded(spec, RECORDED["spec"]).as_dict() == RECORDED["spec"]


@pytest.mark.parametrize("value", [True, 0, 1, "x", ["x"], {"x": 1}])
def test_it_is_one_once_it_says_something(installed: InstanceStore, value: Any) -> None:
    for spec in (SPEC.but(**{NEW: value}), *(later(name, value) for name in PLACES)):
        assert not same(installed, spec)


def test_what_has_names_of_somebodys_own_is_compared_as_it_is(installed: InstanceStore) -> None:
    for name in ("env", "ports", "volumes", "privileges", "limits", "commands"):
        spec = SPEC.but(**{name: {**getattr(SPEC, name), "NEW": {} if name in ("privileges", "limits", "commands") else ""}})
        assert not same(installed, spec), name
    assert not same(installed, SPEC.but(artifacts=[Artifact(url="", sha256="", path="")]))


def test_a_field_that_is_known_counts_whatever_it_says(installed: InstanceStore) -> None:
    assert not same(installed, SPEC.but(plugin=None))
    assert not same(installed, SPEC.without("api"))


def test_without_the_recorded_spec_only_the_digest_speaks(own: InstanceStore) -> None:
    assert same(own, SPEC)
    assert not same(own, SPEC.but(**{NEW: None}))
    own.make()
    for odd in ([], "x", None):
        files.write_json(own.path("spec.json"), odd)
        assert same(own, SPEC) and not same(own, SPEC.but(**{NEW: None}))
