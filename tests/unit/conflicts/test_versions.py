# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.conflicts.versions import version_problems
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import State
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.crossing import refused

from tests.unit.support.models import spec, typed

PACKAGE = {"name": "demo-avs", "version": "v1.0.0", "commit": "a" * 40}


@pytest.mark.parametrize(
    ("state", "package", "rules"),
    [
        (None, {}, []),
        ({"package": PACKAGE, "profile": "hoodi"}, {}, []),
        ({"package": PACKAGE, "profile": "hoodi"}, {"version": "v1.1.0"}, ["UPG-005"]),
        ({"package": PACKAGE, "profile": "hoodi"}, {"version": "v0.9.0"}, ["UPG-005"]),
        ({"package": PACKAGE, "profile": "hoodi"}, {"commit": "b" * 40}, ["UPG-005"]),
        ({"package": PACKAGE, "profile": "mainnet"}, {}, ["INV-001"]),
        ({"package": PACKAGE, "profile": "hoodi"}, {"commit": None, "tree_sha256": "other"}, []),
        ({"package": PACKAGE, "phase": "absent", "volumes": ["v"], "profile": "hoodi"}, {"version": "v1.1.0"}, ["UPG-005"]),
        ({"package": PACKAGE, "phase": "absent", "volumes": [], "kept_data": None}, {"version": "v1.1.0"}, []),
        ({"package": PACKAGE, "phase": "applying", "profile": "hoodi", "committed_at": "t"}, {"version": "v1.1.0"}, ["UPG-005"]),
        ({"package": PACKAGE, "phase": "applying", "profile": "hoodi", "removed_at": "t"}, {"version": "v1.1.0"}, ["UPG-005"]),
        ({"package": PACKAGE, "phase": "applying", "profile": "hoodi"}, {"version": "v1.1.0"}, []),
        ({"package": PACKAGE, "phase": "applying", "profile": "mainnet"}, {}, []),
    ],
)
def test_versions_change_on_purpose_only(state: dict[str, Any] | None, package: dict[str, Any], rules: list[str]) -> None:
    wanted = typed(package={**spec()["package"], **package})
    found = version_problems(wanted, None if state is None else State.read({"phase": "committed", **state}))
    assert [item.id for item in found] == rules
    if rules == ["UPG-005"] and "version" in package:
        assert "v1.0.0" in found[0].message
        assert package["version"] in found[0].message


@pytest.mark.parametrize(
    ("package", "rules"),
    [({"version": "v0.9.0"}, ["UPG-008"]), ({"version": "v1.1.0"}, []), ({"commit": "b" * 40}, []), ({"name": "other-avs"}, ["INV-001"])],
)
def test_an_upgrade_leads_to_no_older_version(package: dict[str, Any], rules: list[str]) -> None:
    wanted = typed(package={**spec()["package"], **package})
    found = version_problems(wanted, State.read({"phase": "committed", "package": PACKAGE, "profile": "hoodi"}), upgrade=True)
    assert [item.id for item in found] == rules
    # As the controller says it, which asks first.
    problem = refused(wanted.id, "v1.0.0", "v0.9.0")
    assert problem is not None and (rules != ["UPG-008"] or found == [problem])


def test_a_package_without_a_version_is_called_one() -> None:
    """A folder of the controller has none; it is no version named None."""
    state = {"phase": "committed", "package": {"name": "demo-avs", "version": None, "tree_sha256": "x"}}
    (found,) = version_problems(typed(), State.read(state))
    assert found.message == "installed is a package without a version, wanted is v1.0.0; nothing was changed"
    assert "None" not in found.as_line()
    (other,) = version_problems(typed(package={**spec()["package"], "version": None}), State.read({**state, "package": spec()["package"]}))
    assert "wanted is a package without a version" in other.message and "version back to v1.0.0" in other.remedy
