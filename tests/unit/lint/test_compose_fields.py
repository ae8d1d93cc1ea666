# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.lint.compose_fields import ports


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (8080, [(8080, None, "tcp", None)]),
        ("80", [(80, None, "tcp", None)]),
        ("8080:80", [(80, "8080", "tcp", None)]),
        ("8080:80/udp", [(80, "8080", "udp", None)]),
        ("127.0.0.1:8080:80", [(80, "8080", "tcp", "127.0.0.1")]),
        ("127.0.0.1::80", [(80, None, "tcp", "127.0.0.1")]),
        ("[::1]:8551:8551", [(8551, "8551", "tcp", "::1")]),
        ("7000-7001:80-81", [(80, "7000", "tcp", None), (81, "7001", "tcp", None)]),
        ("80-81", [(80, None, "tcp", None), (81, None, "tcp", None)]),
        ("7000-7009:80", [(80, "7000-7009", "tcp", None)]),
        ("7000-7002:80-81", []),
        ("x:80", []),
        ("99999:80", []),
        (None, []),
        ({"target": 80, "published": "8080", "host_ip": "127.0.0.1", "protocol": "udp"}, [(80, "8080", "udp", "127.0.0.1")]),
        ({"target": "80", "published": 8080}, [(80, "8080", "tcp", None)]),
        ({"published": 8080}, []),
    ],
)
def test_ports(item: Any, expected: list[tuple[int, str | None, str, str | None]]) -> None:
    """The same as compose makes of them, which tests/integration/host/test_agreement.py tries with compose itself."""
    assert [(one["target"], one.get("published"), one["protocol"], one.get("host_ip")) for one in ports(item)] == expected
