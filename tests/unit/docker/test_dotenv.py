# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.docker import dotenv
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A=1\nB=2\n", 'A="new"\nB=2\n'),
        ("B=2\n", 'B=2\nA="new"\n'),
        ("B=2", 'B=2\nA="new"\n'),
        ("", 'A="new"\n'),
        ("# A=1\nA=2 # why\n", '# A=1\nA="new" # why\n'),
        ("A=1\nA=2\n", 'A="new"\nA="new"\n'),
        ("export A=1\n", 'export A="new"\n'),
        ("A: yaml\n", 'A="new"\n'),
        ("  A  =  1  \nB=2\n", '  A="new"  \nB=2\n'),
        ("A='one\nB=two'\nB=3\n", 'A="new"\nB=3\n'),
        ("B='one\nA=two'\n", "B='one\nA=two'\nA=\"new\"\n"),
        ('B="esc \\" A=x"\nA=1', 'B="esc \\" A=x"\nA="new"'),
        ("A\nB=2\n", 'A="new"\nB=2\n'),
        ("A=\nB=2\n", 'A="new"\nB=2\n'),
        ("A=   # nothing\n", 'A="new"# nothing\n'),
        ("A=1\r\nB=2\r\n", 'A="new"\r\nB=2\r\n'),
        ("\ufeffA=1\n", '\ufeffA="new"\n'),
        ("AA=1\nA_B=2\n", 'AA=1\nA_B=2\nA="new"\n'),
        ("A=${A}x#y z\n", 'A="new"\n'),
    ],
)
def test_put(before: str, after: str) -> None:
    assert dotenv.put({".env": before}, {"A": "new"}) == {".env": after}


def test_what_no_file_sets_goes_to_the_last() -> None:
    changed = dotenv.put({"a": "X=1\n", "b": "Y=1\nX=2\n"}, {"X": "x", "Z": "z"})
    assert changed == {"a": 'X="x"\n', "b": 'Y=1\nX="x"\nZ="z"\n'}


@pytest.mark.parametrize(
    ("value", "quoted"),
    [("a", '"a"'), ('"', '"\\""'), ("\\n", '"\\\\n"'), ("$X", '"\\$X"'), ("a\nb\r", '"a\\nb\\r"'), ("", '""'), ("'#", '"\'#"')],
)
def test_quote(value: str, quoted: str) -> None:
    assert dotenv.quote(value) == quoted


def test_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        dotenv.quote("a\0b")


def unquote(text: str) -> str:
    """What a reader of double quotes makes of it: the rules of compose, from the other side."""
    assert text[0] == text[-1] == '"'
    result, escaped = [], False
    for char in text[1:-1]:
        if escaped:
            result.append({"n": "\n", "r": "\r"}.get(char, char))
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            assert char not in '"$\n', "would end the value or be replaced"
            result.append(char)
    assert not escaped
    return "".join(result)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))))
def test_quoted_values_read_back(value: str) -> None:
    assert unquote(dotenv.quote(value)) == value


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z]{1,2}", fullmatch=True), st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
    ),
    st.data(),
)
def test_every_value_stands_there_once_more(values: dict[str, str], data: st.DataObject) -> None:
    text = dotenv.append("", values)
    names = [statement.name for statement in dotenv.statements(text)]
    assert names == sorted(values)
    if values:
        name = data.draw(st.sampled_from(sorted(values)))
        again = dotenv.put({"f": text}, {name: "other"})["f"]
        assert [statement.name for statement in dotenv.statements(again)] == names
        (statement,) = [item for item in dotenv.statements(again) if item.name == name]
        assert again[statement.start : statement.end] == '="other"'
