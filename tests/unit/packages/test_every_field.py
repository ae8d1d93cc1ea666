# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every field of every document, broken in every way: an error at its place that says what to do, and none anywhere else."""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import Finding, errors_of
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.option_types import TYPES as OPTION_TYPES
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import PackageRequest, load_package
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.report import Report

from tests.unit.support.builders import COMPOSE, write
from tests.unit.support.contents import HEALTH, MANIFEST, PROFILE, RUNTIME, TYPES
from tests.unit.support.documents import DOCUMENTS, Document, Path_, as_file, kind_of

# Wrong wherever another kind is wanted: no number, no boolean, no name, no path.
WRONG: dict[str, Any] = {
    "text": "no such thing",
    "number": 7,
    "boolean": True,
    "list": ["no such thing"],
    "mapping": {"surprise": 1},
    "null": None,
}
STRICT = ("runtime.yml", "avs_instances", "avs_taps")
KINDS = sorted({document.kind for document in DOCUMENTS})
WHOLE = [document for document in DOCUMENTS if not document.within]
NODES = [(document, path) for document in DOCUMENTS for path in document.nodes()]
LABELS = [document.label for document in DOCUMENTS]


def named(cases: Iterable[tuple[Document, Path_]]) -> dict[str, Any]:
    found = list(cases)
    return {"argvalues": found, "ids": [f"{document.label}: {document.place(path) or 'file'}" for document, path in found]}


def fields(document: Document) -> list[Path_]:
    """Nodes that are a field of the format, not the item of a list, nor what somebody named."""
    return [path for path in document.nodes() if path and isinstance(path[-1], str) and document.place(path[:-1]) not in document.names]


def replaced(document: Document, path: Path_, value: Any) -> Any:
    if not path:
        return copy.deepcopy(value)
    content = copy.deepcopy(document.content)
    target = content
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = copy.deepcopy(value)
    return content


def removed(document: Document, path: Path_) -> Any:
    parent = document.at(path[:-1])
    return replaced(document, path[:-1], {name: value for name, value in parent.items() if name != path[-1]})


def below(place: str, top: str) -> bool:
    return place == top or place.startswith((f"{top}.", f"{top}["))


def clear(findings: Iterable[Finding]) -> bool:
    """Whether each finding says what is wrong and what to do, to somebody who does not know Python."""
    return all(item.message and item.remedy and not re.search(r"Traceback|NoneType|None |<class|Error", item.message) for item in findings)


def complaints(document: Document, content: Any, path: Path_, change: str, wanted: bool) -> list[str]:
    """What is not as it should be with the errors about a change; nothing where all is well."""
    place = document.place(path)
    errors = errors_of(document.judge(content))
    places = [item.place for item in errors]
    follows = document.follows.get(place, frozenset()) if change in ("null", "missing") else frozenset()
    expected = document.elsewhere.get((place, change), place)
    wrong = []
    if wanted and expected not in places:
        wrong.append(f"{change}: no error at {expected or 'the file'}, but at {places}")
    if not wanted and set(places) - follows:
        wrong.append(f"{change}: is fine, but there are errors at {places}")
    # Of a whole that is wrong nothing more is said; of a field, what is wrong in it too.
    related = [name for name in places if name == expected or name in follows or (path and below(name, place))]
    if wanted and related != places:
        wrong.append(f"{change}: errors at other places, {places}")
    if not clear(errors):
        wrong.append(f"{change}: not clear, {[item.as_line() for item in errors]}")
    return wrong


def is_required(document: Document, path: Path_) -> bool:
    """Whether null is an error there: the place of a field that has to be, an item of a list, a name's value."""
    place = document.place(path)
    if not path or isinstance(path[-1], int) or document.place(path[:-1]) in document.names:
        return True
    return place in document.required


@pytest.mark.parametrize("document", DOCUMENTS, ids=LABELS)
def test_the_documents_are_sound(document: Document) -> None:
    assert [item.as_line() for item in errors_of(document.judge(document.content))] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_documents_leave_no_field_out(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, set[str]] = defaultdict(set)
    used: dict[str, set[str]] = defaultdict(set)

    def unknown_fields(self: Report, data: Mapping[str, Any], names: Iterable[str], field: str = "") -> None:
        names = list(names)
        if self.file not in {document.file for document in DOCUMENTS if document.kind == kind} or not data:
            return
        known[re.sub(r"\d+", "", field)].update(names)
        used[re.sub(r"\d+", "", field)].update(data)

    monkeypatch.setattr(Report, "unknown_fields", unknown_fields)
    for document in DOCUMENTS:
        if document.kind == kind:
            document.judge(document.content)
    assert known and used == known


def test_every_option_type_has_a_document_with_all_its_rules() -> None:
    assert {kind: set(rules) for kind, (_default, rules) in TYPES.items()} == {
        kind: set(known.rules) for kind, known in OPTION_TYPES.items()
    }


@pytest.mark.parametrize(("document", "path"), **named(NODES))
def test_a_value_of_a_wrong_kind(document: Document, path: Path_) -> None:
    place = document.place(path)
    own = kind_of(document.at(path))
    wrong = []
    for kind, value in WRONG.items():
        if kind == own or kind in document.accepts.get(place, ()):
            continue
        wanted = kind != "null" or is_required(document, path)
        wrong += complaints(document, replaced(document, path, value), path, kind, wanted)
    assert wrong == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=LABELS)
def test_a_field_that_is_left_out(document: Document) -> None:
    wrong = {}
    for path in fields(document):
        wanted = document.place(path) in document.required
        wrong[document.place(path)] = complaints(document, removed(document, path), path, "missing", wanted)
    assert {place: found for place, found in wrong.items() if found} == {}


@pytest.mark.parametrize("document", DOCUMENTS, ids=LABELS)
def test_a_field_the_format_does_not_know(document: Document) -> None:
    before = document.judge(document.content)
    for path in document.nodes():
        if not isinstance(document.at(path), dict) or document.place(path) in document.names | document.opaque:
            continue
        content = replaced(document, path, {**document.at(path), "surprise": 1})
        new = [item for item in document.judge(content) if item not in before]
        assert [item.place for item in new] == [document.place((*path, "surprise"))]
        assert clear(new) and "did you mean" not in new[0].message
        # What others wrote is taken as it is; what is ours, or the operator's own, would silently do nothing.
        assert new[0].severity == ("error" if document.kind in STRICT else "warning")


@pytest.mark.parametrize("document", DOCUMENTS, ids=LABELS)
def test_a_misspelt_field_says_what_was_meant(document: Document) -> None:
    for path in fields(document):
        name = str(path[-1])
        misspelt = name[:-1] + name[-1] * 2
        parent = {misspelt if key == name else key: value for key, value in document.at(path[:-1]).items()}
        findings = document.judge(replaced(document, path[:-1], parent))
        found = [item for item in findings if item.place == document.place((*path[:-1], misspelt))]
        assert [f"(did you mean {name}?)" in item.message for item in found] == [True], document.place(path)
        assert clear(found)


def broken(value: Any, spared: frozenset[str]) -> Any:
    """A value of another kind, and of one that no field takes beside its own."""
    return next(
        copy.deepcopy(wrong)
        for kind, wrong in WRONG.items()
        if kind in ("list", "mapping", "number", "text") and kind != kind_of(value) and kind not in spared
    )


def breakable(document: Document, tops: list[Path_]) -> Any:
    content = copy.deepcopy(document.content)
    for path in tops:
        parent = content
        for part in path[:-1]:
            parent = parent[part]
        place = document.place(path)
        parent[path[-1]] = broken(parent[path[-1]], document.accepts.get(place, frozenset()) | {"text", "number"})
    return content


def top_fields(document: Document) -> list[Path_]:
    """The fields of a file, or of every entry of a list of entries."""
    depth = 2 if isinstance(document.content, list) else 1
    return [path for path in document.nodes() if len(path) == depth]


@pytest.mark.parametrize("document", WHOLE, ids=[document.label for document in WHOLE])
def test_every_field_broken_at_once(document: Document) -> None:
    tops = top_fields(document)
    errors = errors_of(document.judge(breakable(document, tops)))
    assert sorted({item.place for item in errors}) == sorted(document.place(path) for path in tops)
    assert clear(errors)


@pytest.mark.parametrize("document", DOCUMENTS, ids=LABELS)
def test_every_value_broken_at_once(document: Document) -> None:
    leaves = [path for path in document.nodes() if not isinstance(document.at(path), (dict, list))]
    errors = errors_of(document.judge(breakable(document, leaves)))
    places = [item.place for item in errors]
    for path in leaves:
        top = document.place(path[: 2 if isinstance(document.content, list) else 1])
        assert any(below(place, top) for place in places), top
    assert clear(errors)


def test_every_problem_of_every_file_is_in_the_one_error(tmp_path: Path, cache: Cache) -> None:
    kept: dict[str, tuple[str, ...]] = {"manifest.yml": ("name", "profiles"), "profile.yml": (), "runtime.yml": ()}
    contents: dict[str, dict[str, Any]] = {"manifest.yml": {**MANIFEST, "profiles": ["p"]}, "profile.yml": PROFILE, "runtime.yml": RUNTIME}
    places = {"manifest.yml": "pkg/manifest.yml", "profile.yml": "pkg/p/profile.yml", "runtime.yml": "pkg/p/runtime.yml"}
    files = {"pkg/p/docker-compose.yml": COMPOSE}
    expected = set()
    for name, content in contents.items():
        content_broken = {
            key: value if key in kept[name] else broken(value, frozenset(("text", "number"))) for key, value in content.items()
        }
        files[places[name]] = as_file(content_broken).decode()
        expected |= {f"{places[name]}: {key}" for key in content if key not in kept[name]}
    with pytest.raises(InputError) as caught:
        load_package(PackageRequest({"path": str(write(tmp_path / "p", files))}, "v5.5.2"), [], cache)
    assert expected <= {item.place for item in caught.value.findings}
    assert all(place in str(caught.value) for place in expected)


def test_every_gate_has_a_document() -> None:
    assert {document.variant for document in DOCUMENTS if document.within == ("health",)} == set(HEALTH)
