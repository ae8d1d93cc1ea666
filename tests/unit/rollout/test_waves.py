# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.waves import (
    FIRST_ALONE,
    Room,
    Size,
    Wave,
    assigned,
    batches,
    sizes,
    stage,
    with_canaries,
)
from hypothesis import given
from hypothesis import strategies as st

HOSTS = [f"h{number}" for number in range(1, 13)]


def hosts(waves: list[Wave]) -> list[list[str]]:
    return [list(wave.hosts) for wave in waves]


def test_by_default_the_first_host_goes_alone() -> None:
    assert hosts(assigned(dict.fromkeys(HOSTS))) == [["h1"], HOSTS[1:]]
    assert hosts(assigned({"h1": None})) == [["h1"]] and assigned({}) == []
    # What the inventory has in stages stays in them; the very first one is divided all the same.
    told = {"a": 2, "b": 1, "c": None, "d": 1, "e": 2}
    assert hosts(assigned(told)) == [["b"], ["d"], ["a", "e"], ["c"]]
    assert [wave.stage for wave in assigned(told)] == [1, 1, 2, None]


@pytest.mark.parametrize(
    "wanted,parts",
    [
        ([Size(1), Size(3), Size(100, True)], [1, 3, 8]),
        ([Size(5)], [5, 5, 2]),
        ([Size(25, True)], [3, 3, 3, 3]),
        ([Size(1, True)], [1] * 12),
        ([Size(100, True)], [12]),
        (list(FIRST_ALONE), [1, 11]),
    ],
)
def test_sizes(wanted: list[Size], parts: list[int]) -> None:
    assert [len(wave.hosts) for wave in assigned(dict.fromkeys(HOSTS), wanted)] == parts


@pytest.mark.parametrize(
    "given,wanted", [(None, None), ("", None), (3, (Size(3),)), ("7", (Size(7),)), ([1, "20%"], (Size(1), Size(20, True)))]
)
def test_what_a_size_may_be(given: Any, wanted: Any) -> None:
    assert sizes(given, "avs_serial") == wanted


@pytest.mark.parametrize("given", [0, -1, True, "0%", "101%", "x", [], [1, "x"], {"a": 1}, 1.5, "1 %", "²", "9" * 30, [[1]]])
def test_what_is_no_size(given: Any) -> None:
    with pytest.raises(InputError, match="avs_serial"):
        sizes(given, "avs_serial")


@pytest.mark.parametrize("given", [-1, "x", True, 1.5, [1], "²"])
def test_what_is_no_stage(given: Any) -> None:
    with pytest.raises(InputError, match="avs_wave of h1"):
        stage(given, "h1")
    assert (stage(0, "h1"), stage("4", "h1"), stage(None, "h1"), stage("", "h1")) == (0, 4, None, None)


def test_what_never_passed_has_a_canary_of_its_own() -> None:
    waves = assigned(dict.fromkeys("abcdef"), [Size(2)])
    digests = {"a": ["x"], "b": ["x"], "c": ["x", "y"], "d": ["x", "y"], "e": ["z"], "f": ["x"]}
    found = with_canaries(waves, digests, ())
    # The first wave is one as it is; of the second, whoever brings something new goes first.
    assert [("".join(wave.hosts), wave.canary) for wave in found] == [("ab", True), ("c", True), ("d", False), ("e", True), ("f", False)]
    assert [wave.canary for wave in with_canaries(waves, digests, ["x", "y", "z"])] == [False, False, False]
    # Two that are new between them are brought by two, and no more.
    digests = {"a": [], "b": [], "c": ["y"], "d": ["y"], "e": ["z"], "f": ["z"]}
    assert [("".join(wave.hosts), wave.canary) for wave in with_canaries(assigned(dict.fromkeys("abcdef"), [Size(2), Size(4)]), digests, ())] == [
        ("ab", False), ("ce", True), ("df", False),
    ]  # fmt: skip


def room(limit: int, packages: dict[str, str], sick: dict[str, int] | None = None, at_once: int = 0, mended: bool = True) -> Room:
    down = {host: {"p": number} for host, number in (sick or {}).items()}
    return Room(at_once, {"p": limit}, {host: set(own) for host, own in packages.items()}, down, down if mended else {})


def test_no_more_go_at_once_than_may_be_down() -> None:
    wave = [Wave(tuple("abcde"))]
    assert batches(wave, room(2, dict.fromkeys("abcde", "p"))) == [[("a", "b"), ("c", "d"), ("e",)]]
    assert batches(wave, room(2, {"a": "p", "b": "q", "c": "q", "d": "p", "e": "p"})) == [[("a", "b", "c", "d"), ("e",)]]
    assert batches(wave, room(9, dict.fromkeys("abcde", "p"), at_once=2)) == [[("a", "b"), ("c", "d"), ("e",)]]
    # One that is down elsewhere counts; it does no more once its own turn is over.
    assert batches(wave, room(2, dict.fromkeys("abcde", "p"), {"x": 1})) == [[("a",), ("b",), ("c",), ("d",), ("e",)]]
    assert batches(wave, room(2, {"a": "", "b": "p", "c": "p", "d": "p", "e": "p"}, {"a": 1})) == [[("a", "b"), ("c", "d"), ("e",)]]
    # One of a host in the wave does as well, to the end, where nobody does anything with it.
    alone = {"a": "p", "b": "p", "c": "p"}
    assert batches([Wave(tuple("abc"))], room(2, alone, {"a": 1}, mended=False)) == [[("a",), ("b",), ("c",)]]
    with pytest.raises(InputError, match="2 of p are down already, and avs_max_unavailable lets 2 be so"):
        batches(wave, room(2, dict.fromkeys("abcde", "p"), {"x": 2}))


stages = st.dictionaries(st.text("abcdefghij", min_size=1, max_size=3), st.none() | st.integers(0, 3), max_size=20)
wanted = st.none() | st.lists(
    st.builds(Size, st.integers(1, 9)) | st.builds(Size, st.integers(1, 100), st.just(True)), min_size=1, max_size=4
)


@given(stages, wanted, st.data())
def test_everybody_goes_once_and_nobody_before_who_goes_first(
    told: dict[str, int | None], parts: list[Size] | None, data: st.DataObject
) -> None:
    waves = assigned(told, parts)
    digests = {host: data.draw(st.sets(st.sampled_from("xyz"))) for host in told}
    passed = data.draw(st.sets(st.sampled_from("xyz")))
    found = with_canaries(waves, digests, passed)
    for some in (waves, found):
        order = [host for wave in some for host in wave.hosts]
        assert sorted(order) == sorted(told)
        numbers = [9 if told[host] is None else told[host] for host in order]
        assert numbers == sorted(numbers, key=lambda number: -1 if number is None else number)
        assert all(wave.hosts for wave in some)
    # Whatever somebody gets passed before, or is brought by a canary that is before, or is its own.
    known = set(passed)
    for wave in found:
        new = {digest for host in wave.hosts for digest in digests[host]} - known
        assert wave.canary is bool(new)
        known |= new


@given(st.data())
def test_a_batch_never_takes_down_more_than_there_is_room_for(data: st.DataObject) -> None:
    names = [f"h{number}" for number in range(data.draw(st.integers(1, 12)))]
    packages = {name: data.draw(st.sets(st.sampled_from("pq"))) for name in names}
    sick = {name: {"p": 1} for name in data.draw(st.sets(st.sampled_from([*names, "away"])))}
    limits = {"p": data.draw(st.integers(1, 4)), "q": data.draw(st.integers(1, 4))}
    at_once = data.draw(st.integers(0, 4))
    try:
        ((*parts,),) = batches([Wave(tuple(names))], Room(at_once, limits, packages, sick, sick))
    except InputError:
        assert sum(own["p"] for own in sick.values()) >= limits["p"]
        return
    assert [name for part in parts for name in part] == names
    left = dict(sick)
    for part in parts:
        assert not at_once or len(part) <= at_once
        for package, limit in limits.items():
            takes = sum(package in packages[name] for name in part)
            assert not takes or takes + sum(own.get(package, 0) for own in left.values()) <= limit
        for name in part:
            left.pop(name, None)
