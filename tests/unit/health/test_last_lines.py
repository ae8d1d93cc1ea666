# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a container's log a person is shown: what may say why, and not the echo of our own questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.masking import Mask
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import Condition
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Done, Engine
from ansible_collections.restaking.avs.plugins.module_utils.health.last_lines import last_lines
from ansible_collections.restaking.avs.plugins.module_utils.health.probes import paths_of

API = paths_of(Condition(type="node_api"))
REASON = "panic: the key of operator 7 does not open"


class Logged(Engine):
    """An engine with one log: lines of standard output and of standard error, a number before each says when it was written."""

    def __init__(self, out: Sequence[str], err: Sequence[str] = (), code: int = 0) -> None:
        super().__init__("/nonexistent")
        self.done = Done(code, *("".join(f"{line}\n" for line in lines) for lines in (out, err)))
        self.asked: list[str] = []

    def run(self, arguments: Sequence[str], *_rest: Any, **_more: Any) -> Done:
        self.asked = list(arguments)
        return self.done


def shown(lines: Sequence[str], asked: Sequence[str] = API) -> list[str]:
    stamped = [f"{number:09} {line}" for number, line in enumerate(lines)]
    head, *rest = last_lines(Logged(stamped), "id", "node", str, asked).split("\n")
    assert head == "; last lines of node:" and all(line.startswith("    ") for line in rest)
    return [line[4:] for line in rest]


def entry(number: int, path: str = "/eigen/node/health") -> str:
    return f'172.18.0.1 - - [30/Nov/2026 03:00:{number % 60:02}] "GET {path} HTTP/1.1" 503 -'


def test_requests_of_our_own_do_not_hide_the_reason() -> None:
    assert shown([REASON, *map(entry, range(300))]) == [REASON]
    assert shown([entry(1), REASON, entry(2, "/eigen/node"), entry(3, "/eigen/node/spec-version")]) == [REASON]
    assert last_lines(Logged([f"1 {entry(1)}"]), "id", "node", str, API) == "; it logged nothing but that it was asked"
    assert last_lines(Logged([]), "id", "node", str, API) == "; it logged nothing"


@pytest.mark.parametrize(
    "line",
    [
        '{{"level":"error","method":"GET","path":"/eigen/node/health","took":"{0}.4ms","error":"the chain is {0} blocks away"}}',
        "GET /eigen/node/health failed after {0}µs: no chain (request 3f{0}a-77)",
        "{0}:01:02 WARN GET http://172.18.0.2:8080/eigen/node/health?x={0} 503",
    ],
)
def test_what_says_more_than_that_it_was_asked_is_shown_once(line: str) -> None:
    assert shown([REASON, *(line.format(number) for number in range(10, 60))]) == [REASON, line.format(59)]


@pytest.mark.parametrize(
    "line",
    [
        entry(1, "/eigen/node/healthy"),
        entry(1, "/v1/eigen/node/health"),
        entry(1, "/peers"),
        "serving /eigen/node/health on 8080",
        '10.0.0.9 - - "POST /eigen/node/health HTTP/1.1" 405 -',
    ],
)
def test_what_others_asked_stays(line: str) -> None:
    assert shown([line, line]) == [line, line]


def test_without_a_path_nothing_is_left_out() -> None:
    assert paths_of(Condition(type="tcp", port=1)) == paths_of(Condition(type="container")) == ()
    assert shown([entry(1), entry(2)], ()) == [entry(1), entry(2)]


def test_of_a_gate_with_a_path_of_its_own() -> None:
    ready = paths_of(Condition(type="http", path="/ready"))
    assert shown([REASON, entry(1, "/ready"), entry(2, "/readyz")], ready) == [REASON, entry(2, "/readyz")]
    assert shown([REASON, entry(1, "/"), entry(2, "/x")], paths_of(Condition(type="metric"))) == [REASON, entry(2, "/x")]


def test_both_streams_are_told_in_their_order_and_within_bounds() -> None:
    engine = Logged(["1 one", "3 three"], ["2 two", "4 " + "x" * 5000])
    assert last_lines(engine, "id", "node", str).split("\n    ")[1:] == ["one", "two", "three", "x" * 400 + "..."]
    assert len(shown([f"line {number}" for number in range(100)])) == 15
    assert last_lines(Logged([], ["no such container"], 1), "id", "node", str).endswith("    no such container")


def test_secrets_are_masked_before_lines_are_cut() -> None:
    text = last_lines(
        Logged(["1 " + "x" * 395 + "token-1234", "2 GET /eigen/node/health token-1234"]), "id", "node", Mask(["token-1234"]), API
    )
    assert "token" not in text
