# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.system.prefetch import Ahead


def test_it_is_asked_before_the_answer_is_wanted_and_once() -> None:
    asked, let_go = threading.Event(), threading.Event()
    calls: list[int] = []

    def ask() -> str:
        calls.append(1)
        asked.set()
        assert let_go.wait(10)
        return "yes"

    question = Ahead(ask)
    assert asked.wait(10)
    let_go.set()
    assert (question.answer(), question.answer(), len(calls)) == ("yes", "yes", 1)


def test_an_error_is_told_to_who_wants_the_answer() -> None:
    def ask() -> None:
        raise HostError("the engine does not answer")

    question = Ahead(ask)
    for _time in range(2):
        with pytest.raises(HostError, match="does not answer"):
            question.answer()
