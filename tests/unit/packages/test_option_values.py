# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import errors_of
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.manifest import Requirements
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.option_types import TYPES, compile_re2
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.option_values import Resolved, resolve_options
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.options import parse_options
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.profile import Profile
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.runtime import RULES, parse_runtime
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.report import Report
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.spelling import Respelled
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import SecretValue
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.packages.test_option_types import ACCEPTED, REFUSED

PASSWORD = "hunter2-hunter2"
REFERENCE = {"source": "vault", "path": "avs/op1", "field": "password"}


def profile(*options: dict[str, Any], env: dict[str, str] | None = None) -> Profile:
    report = Report("profile.yml")
    declared = [{"name": "o", "target": "O", "type": "str", "help": "h", **option} for option in options]
    parsed = parse_options(declared, report)
    assert len(parsed) == len(options), report.findings
    runtime = parse_runtime(None, Report("runtime.yml", RULES))
    return Profile("p", parsed, None, {}, Requirements(), None, runtime, Path(), "", "", (), (), (), env_values=env or {})


def rules(resolved: Resolved) -> list[tuple[str, str]]:
    return [(item.id, item.place) for item in resolved.findings]


def test_the_operator_wins_over_the_default_and_the_default_over_the_env_file() -> None:
    options = [{"name": name, "target": name.upper(), "default": "default"} for name in ("a", "b")] + [{"name": "c", "target": "C"}]
    resolved = resolve_options(profile(*options, env={"A": "env", "B": "env", "C": "env"}), {"a": "mine"})
    assert resolved.env == {"A": "mine", "B": "default"}
    assert resolved.findings == ()


def test_all_missing_options_are_named() -> None:
    options = [{"name": "a"}, {"name": "b", "target": "B", "hidden": True, "default": "x"}, {"name": "c", "target": "C", "type": "port"}]
    resolved = resolve_options(profile(*options, env={"O": ""}), {}, "avs_instances[2]")
    assert rules(resolved) == [("OPT-002", f"avs_instances[2].options.{name}") for name in ("a", "b", "c")]


def test_an_env_file_never_supplies_a_hidden_value() -> None:
    assert rules(resolve_options(profile({"hidden": True}, env={"O": "from env"}), {})) == [("OPT-002", "options.o")]


def test_null_counts_as_not_given() -> None:
    assert resolve_options(profile({"default": "d"}), {"o": None}).env == {"O": "d"}


@pytest.mark.parametrize(("kind", "value"), [("str", ""), ("str", 0), ("bool", False)])
def test_falsy_values_count_as_given(kind: str, value: Any) -> None:
    resolved = resolve_options(profile({"type": kind, "default": "true"}), {"o": value})
    assert resolved.env["O"] != "true"


def test_a_value_that_yaml_changed_is_shown_as_it_was_written() -> None:
    (found,) = resolve_options(profile({}), {"o": Respelled(18, "0x12")}).findings
    assert (found.message, found.remedy) == ("0x12 is a number to YAML, and another text then", "Write it in quotes.")
    (found,) = resolve_options(profile({"hidden": True}), {"o": Respelled(18, "0x12")}).findings
    assert "0x12" not in found.message and "18" not in found.message and found.remedy == "Write it in quotes."


def test_unknown_options_name_what_was_meant() -> None:
    (finding,) = resolve_options(profile({"name": "main-port", "default": "x"}), {"mian-port": 1}).findings
    assert finding.id == "OPT-003" and "did you mean main-port" in finding.message


def test_bad_values_are_shown_with_what_would_be_right() -> None:
    (finding,) = resolve_options(profile({"type": "port"}), {"o": 80800}, "avs_instances[0]").findings
    assert finding.as_line() == (
        "avs_instances[0].options.o: 80800 is not a port (1-65535) -> Set avs_instances[0].options.o to a value of type port."
    )


@pytest.mark.parametrize(
    ("kind", "validate"), [("port", {}), ("str", {"re2_regex": "^$"}), ("select", {"options": ["a"]}), ("uri", {}), ("int", {})]
)
def test_hidden_values_are_never_shown(kind: str, validate: dict[str, Any]) -> None:
    resolved = resolve_options(profile({"type": kind, "hidden": True, "validate": validate}), {"o": PASSWORD})
    assert rules(resolved) == [("OPT-001", "options.o")]
    assert PASSWORD not in repr(resolved)
    assert resolved.secrets == {} and resolved.env == {}


def test_a_hidden_value_in_clear_is_kept_apart_and_noted() -> None:
    resolved = resolve_options(profile({"hidden": True}), {"o": PASSWORD})
    secret = resolved.secrets["o"]
    assert isinstance(secret, SecretValue) and secret.reveal() == PASSWORD
    assert rules(resolved) == [("SEC-004", "options.o")] and resolved.findings[0].severity == "warning"
    assert resolved.env == {}
    assert PASSWORD not in f"{resolved!r} {secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_value_that_is_encrypted_where_it_stands_is_not_in_clear() -> None:
    resolved = resolve_options(
        profile({"hidden": True}, {"name": "p", "target": "P", "hidden": True}), {"o": PASSWORD, "p": PASSWORD}, encrypted={"o"}
    )
    assert rules(resolved) == [("SEC-004", "options.p")] and set(resolved.secrets) == {"o", "p"}


@pytest.mark.parametrize("written", [PASSWORD, f"{PASSWORD}\n", f"{PASSWORD}\r\n"])
def test_a_newline_at_the_end_is_no_part_of_a_hidden_value(written: str) -> None:
    secret = resolve_options(profile({"hidden": True}), {"o": written}).secrets["o"]
    assert isinstance(secret, SecretValue) and secret.reveal() == PASSWORD
    assert rules(resolve_options(profile({}), {"o": written})) == ([("OPT-001", "options.o")] if written != PASSWORD else [])


def test_a_missing_re2_has_a_remedy_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_re2.cache_clear()
    asked = profile({"validate": {"re2_regex": "^a$"}})
    monkeypatch.setitem(sys.modules, "re2", None)
    compile_re2.cache_clear()
    (found,) = resolve_options(asked, {"o": "a"}).findings
    assert "google-re2 is missing on the controller" in found.message and "-m pip install google-re2" in found.remedy
    report = Report("profile.yml")
    parse_options([{"name": "o", "target": "O", "type": "str", "help": "h", "validate": {"re2_regex": "^a$"}}], report)
    assert [item.remedy for item in report.findings if "google-re2" in item.message] == [found.remedy]
    compile_re2.cache_clear()


@pytest.mark.parametrize("hidden", [True, False])
def test_a_reference_is_passed_on_whatever_the_option(hidden: bool) -> None:
    resolved = resolve_options(profile({"hidden": hidden, "type": "port"}), {"o": REFERENCE})
    assert resolved.secrets == {"o": REFERENCE} and resolved.env == {} and resolved.findings == ()


def test_a_reference_removes_what_another_option_sets() -> None:
    resolved = resolve_options(profile({"name": "a", "default": "x"}, {"name": "b"}), {"b": REFERENCE})
    assert resolved.env == {} and resolved.secrets == {"b": REFERENCE}


@pytest.mark.parametrize("value", [{"path": "x"}, {}, ["x"], {"source": 5}])
def test_what_is_neither_value_nor_reference(value: Any) -> None:
    assert rules(resolve_options(profile({}), {"o": value})) == [("OPT-001", "options.o")]


def test_of_two_options_with_one_target_the_given_one_counts() -> None:
    both = profile({"name": "a", "default": "x"}, {"name": "b", "default": "y"})
    assert resolve_options(both, {"a": "mine"}).env == {"O": "mine"}
    assert resolve_options(both, {"b": "mine"}).env == {"O": "mine"}
    assert resolve_options(both, {}).env == {"O": "y"}


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_an_option_without_default_needs_a_value(kind: str) -> None:
    declared = profile({"type": kind, "validate": {"options": ["a"]} if kind == "select" else {}})
    assert rules(resolve_options(declared, {})) == [("OPT-002", "options.o")]


@pytest.mark.parametrize(
    ("kind", "value", "validate", "good"),
    [(kind, value, validate, True) for kind, value, validate, _text in ACCEPTED]
    + [(kind, value, validate, False) for kind, value, validate in REFUSED],
    ids=[f"{case[0]} {position}" for position, case in enumerate([*ACCEPTED, *REFUSED])],
)
def test_a_default_and_a_value_obey_one_rule(kind: str, value: Any, validate: dict[str, Any], good: bool) -> None:
    """As an operator writes it and as an author does; a select is given its list where the case has none."""
    declaration = {"name": "o", "target": "O", "type": kind, "help": "h", "validate": validate}
    report = Report("profile.yml")
    parse_options([{**declaration, "default": value}], report)
    assert [(item.id, item.place) for item in errors_of(report.findings)] == (
        [] if good else [("PKG-010", "profile.yml: options[0].default")]
    )
    resolved = resolve_options(profile(declaration), {"o": value})
    assert rules(resolved) == ([] if good else [("OPT-001", "options.o")])


def test_an_unknown_type_names_the_option_and_the_types() -> None:
    report = Report("profile.yml")
    assert parse_options([{"name": "main-port", "target": "P", "type": "integer", "help": "h"}], report) == ()
    (found,) = report.findings
    assert "main-port" in found.message and all(kind in found.remedy for kind in TYPES)


def test_a_declaration_is_told_all_its_problems() -> None:
    wrong = {"name": 5, "target": "a-b", "type": "prot", "hidden": 1, "default": ["x"], "validate": 3, "helpp": "h"}
    report = Report("")
    parse_options([wrong], report)
    assert sorted(item.place for item in report.findings) == [
        f"options[0].{name}" for name in ("default", "help", "helpp", "hidden", "name", "target", "type", "validate")
    ]


@pytest.mark.parametrize("default", [["canary"], {"x": "canary"}, "canary"])
def test_a_hidden_default_is_never_shown(default: Any) -> None:
    report = Report("")
    option = {"name": "o", "target": "O", "type": "port", "help": "h", "hidden": True, "default": default}
    parse_options([option], report)
    assert [item.place for item in report.findings] == ["options[0].default"]
    assert "canary" not in report.findings[0].as_line()


SCALARS = st.one_of(st.none(), st.text(), st.integers(), st.booleans(), st.floats())


@given(st.dictionaries(st.text(), st.one_of(SCALARS, st.lists(SCALARS), st.dictionaries(st.text(), SCALARS))))
def test_nothing_an_operator_writes_raises(values: dict[str, Any]) -> None:
    resolved = resolve_options(profile({"name": "a", "type": "int"}, {"name": "b", "target": "B", "hidden": True}), values)
    assert len([item for item in resolved.findings if item.id == "OPT-003"]) == len([name for name in values if name not in ("a", "b")])
