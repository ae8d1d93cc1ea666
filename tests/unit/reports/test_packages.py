# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What taps offer, what is installed of it, and what a profile lets an operator choose."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.filter.package_rows import package_rows
from ansible_collections.restaking.avs.plugins.filter.packages_rows import packages_rows
from ansible_collections.restaking.avs.plugins.filter.rows_report import rows_report

OFFERS: list[dict[str, Any]] = [
    {
        "name": "core",
        "packages": {
            "demo-avs": {"kind": "package", "versions": ["v1.2.0", "v1.1.0", "v1.0.0"], "upgrades": {"v1.1.0": "required"}, "networks": ["hoodi"],
                         "description": "A demo\x1b[2J,\nin two lines"},
            "bad-avs": {"kind": "unknown", "source": None, "versions": []},
        },
        "findings": [{"id": "TAP-001", "place": "core/packages/bad-avs.yml: url", "message": "is missing"},
                     {"id": "SRC-001", "place": "bad-avs", "message": "cannot be fetched"}],
    },
]  # fmt: skip
FOUND = {
    "h1": {"instances": [{"id": "demo-avs-a", "package": "demo-avs", "version": "v1.0.0", "phase": "committed"},
                         {"id": "demo-avs-b", "package": "demo-avs", "version": "v1.2.0", "phase": "committed"},
                         {"id": "demo-avs-c", "package": "demo-avs", "version": None, "phase": "damaged"},
                         {"id": "demo-avs-d", "package": "demo-avs", "version": "v1.0.0", "phase": "absent"}]},
    "h2": {"skipped": True},
}  # fmt: skip
OPTIONS = [
    {
        "name": "main-port",
        "target": "MAIN_PORT",
        "type": "port",
        "default": 8080,
        "hidden": False,
        "help": "The \u202eport",
        "validate": {},
    },
    {"name": "token", "target": "TOKEN", "type": "str", "default": None, "hidden": True, "help": "A secret", "validate": {}},
    {"name": "mode", "target": "MODE", "type": "select", "default": "a", "hidden": False, "help": "h", "validate": {"options": ["a", "b"]}},
    {"name": "on", "target": "ON", "type": "bool", "default": False, "hidden": False, "help": "h", "validate": {}},
]
PACKAGE = {"name": "demo-avs", "version": "v1.2.0", "profiles": {"mainnet": {"options": []}, "hoodi": {"options": OPTIONS}}}


def test_what_there_is_and_what_is_installed() -> None:
    rows = packages_rows(OFFERS, FOUND)
    demo = rows[1]
    assert [(item["id"], item["newer"]) for item in demo["installed"]] == [
        ("demo-avs-a", ["v1.2.0", "v1.1.0"]), ("demo-avs-b", []), ("demo-avs-c", []),
    ]  # fmt: skip
    lines = [line.replace("\u00a0", " ") for line in rows_report(rows, "packages").splitlines()]
    assert lines == [
        "tap   package   newest  installed                            networks  description",
        "core  bad-avs   -       -                                    -         is missing; cannot be fetched",
        "core  demo-avs  v1.2.0  unknown (1), v1.0.0 (1), v1.2.0 (1)  hoodi     A demo\\x1b[2J, in two lines",
        "",
        "demo-avs-a on h1 has v1.0.0; core offers v1.2.0, v1.1.0",
    ]
    assert packages_rows(OFFERS)[1]["installed"] == []


def test_profiles_and_options() -> None:
    assert [(row["profile"], row["options"], row["required"]) for row in package_rows(PACKAGE)] == [
        ("hoodi", 4, ["token"]),
        ("mainnet", 0, []),
    ]
    lines = [line.replace("\u00a0", " ") for line in rows_report(package_rows(PACKAGE, "hoodi"), "options").splitlines()]
    assert lines == [
        "name       type           default  required  hidden  help",
        "main-port  port           8080     -         -       The \\u202eport",
        "token      str            -        yes       yes     A secret",
        "mode       select (a, b)  a        -         -       h",
        "on         bool           false    -         -       h",
    ]
    found = json.loads(rows_report(package_rows(PACKAGE, "hoodi"), "options", "json", "options[?required].[name, target]"))
    assert found == [["token", "TOKEN"]]


def test_a_profile_that_is_none() -> None:
    with pytest.raises(AnsibleFilterError, match="demo-avs has no profile x; it has hoodi, mainnet"):
        package_rows(PACKAGE, "x")
