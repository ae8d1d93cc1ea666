# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

from ansible_collections.restaking.avs.plugins.module_utils.docker import model

TOKENS = {"option.token": "avs00x0x", "key.bls.password": "avs00x1x"}


def printed(environment: dict[str, str], doubled: bool = True) -> str:
    dollar = "$$" if doubled else "$"
    services = {
        "node": {"environment": {name: value.replace("$", dollar) for name, value in environment.items()}},
        model.PROBE: {"environment": {"AVS_DOLLAR": dollar, "P_PORT": "80"}},
    }
    return json.dumps({"name": "p", "services": services})


def test_the_probe_is_taken_out_and_dollars_are_as_the_container_sees_them() -> None:
    for doubled in (True, False):
        found, values = model.parse(printed({"A": "a$b$$c"}, doubled))
        assert list(found["services"]) == ["node"]
        assert found["services"]["node"]["environment"]["A"] == "a$b$$c"
        assert values == {"P_PORT": "80"}


def test_dump_doubles_dollars_but_not_its_own_variables() -> None:
    text = model.dump({"services": {"node": {"environment": {"A": "x$y", "B": "https://u:avs00x0x@h", "C": "avs00x1x"}}}}, TOKENS)
    assert json.loads(text)["services"]["node"]["environment"] == {"A": "x$$y", "B": "https://u:${AVS_SECRET_2}@h", "C": "${AVS_SECRET_1}"}


def test_characters_beyond_the_first_plane_are_written_as_they_are_and_all_others_as_before() -> None:
    """Compose's reader of YAML refuses halves of a character; what was escaped before still is, byte by byte."""
    plain = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x10000)))) + "\\ud83d"
    assert model.dump({"a": plain.replace("$", "")}, {}) == json.dumps({"a": plain.replace("$", "")}, indent=2, sort_keys=True) + "\n"
    rocket = model.dump({"services": {"node": {"labels": {"\U0001f680": "\U0001f680\x85"}}}}, {})
    assert '"\U0001f680": "\U0001f680\\u0085"' in rocket
    assert "\U0010ffff" in model.probe({"P": "\U0010ffff"})


def test_variables_are_numbered_by_name_among_those_used() -> None:
    used = {"services": {"a": {"environment": {"T": "avs00x0x"}}}}
    assert model.secret_variables(used, TOKENS) == {"option.token": "AVS_SECRET_1"}
    assert model.secret_variables({"services": {}}, TOKENS) == {}


def test_names_stand_for_tokens() -> None:
    assert model.named({"a": ["pre-avs00x1x"]}, TOKENS) == {"a": ["pre-<secret key.bls.password>"]}
    assert model.secrets_in({"a": ["avs00x1x"], "avs00x0x": 1}, TOKENS) == ["key.bls.password", "option.token"]


def test_the_probe_asks_compose_for_expressions() -> None:
    asked = json.loads(model.probe({"P_X": "${X:-}"}))["services"][model.PROBE]
    assert asked["environment"]["P_X"] == "${X:-}"
    assert asked["network_mode"] == "none"
