# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
import unicodedata

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless, harmless_deep, shown_entry, shown_findings


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("over\rwritten", "over\\x0dwritten"),
        ("one\r\ntwo\n\tthree", "one\ntwo\n\tthree"),
        ("\x9b31m and \x7f", "\\x9b31m and \\x7f"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
        ("a\u2028b\u200bc\ufeffd\xade", "a\\u2028b\\u200bc\\ufeffd\\xade"),
        ("lone \ud800", "lone \\ud800"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("żółć, 漢字, عربى, 😀 and \\x1b as written", "żółć, 漢字, عربى, 😀 and \\x1b as written"),
    ],
)
def test_what_would_act_is_shown(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_no_control_or_format_character_of_unicode_is_left() -> None:
    left = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and chr(code) not in "\n\t"
        and harmless(chr(code)) == chr(code)
    ]
    assert left == []


def test_nothing_is_left_that_is_no_character() -> None:
    codes = [*range(0xFDD0, 0xFDF0), *(plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF))]
    assert [hex(code) for code in codes if harmless(chr(code)) == chr(code)] == [] and harmless("a\uffffb") == "a\\uffffb"


def test_every_text_of_nested_data() -> None:
    assert harmless_deep({"\x1b": ["\x07", 1, None, {"a": ("\u202e",)}]}) == {"\\x1b": ["\\x07", 1, None, {"a": ["\\u202e"]}]}


def test_what_is_data_stays_as_it_is() -> None:
    entry = {"id": "x", "images": {"node": "\x1b"}, "error": "\x1b", "health": {"status": "unhealthy", "detail": "\x07"},
             "findings": [{"id": "OPS-006", "message": "\x1b", "place": "\x07", "remedy": "", "more": 1}]}  # fmt: skip
    shown = shown_entry(entry)
    assert shown["images"] == {"node": "\x1b"} and shown["error"] == "\\x1b" and shown["health"]["detail"] == "\\x07"
    assert shown["findings"] == shown_findings(entry["findings"])
    assert shown["findings"] == [{"id": "OPS-006", "message": "\\x1b", "place": "\\x07", "remedy": "", "more": 1}]
