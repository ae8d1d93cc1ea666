# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stores keep that is no text."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import no_text, text_of


@pytest.mark.parametrize(
    ("kept", "text"), [("1.10", "1.10"), ("", ""), (8080, "8080"), (-1, "-1"), ({"crypto": {"n": 1}}, '{"crypto":{"n":1}}')]
)
def test_what_is_text(kept: Any, text: str) -> None:
    assert text_of(kept) == text


@pytest.mark.parametrize(
    ("kept", "kind"),
    [(1.1, "a number"), (12345678901234567000, "a number"), (True, "true or false"), (["canary"], "a list"), ([], "a list")],
)
def test_what_json_may_have_changed_is_not_taken(kept: Any, kind: str) -> None:
    problem = no_text("field token of secret/avs/op1", kept)
    assert text_of(kept) is None
    assert (problem.rule, problem.message.partition(" is ")[2].startswith(kind)) == ("SEC-003", True) and "canary" not in problem.message
