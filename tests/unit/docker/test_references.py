# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules a package is held to before an install: compose files, key material."""

from __future__ import annotations

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.docker.references import floats


@pytest.mark.parametrize(("image", "floating"), [
    ("nginx", True), ("nginx:latest", True), ("nginx:Latest", True), ("r:5000/n", True), ("r:5000/n:1.2", False), ("nginx:1.27", False),
    ("nginx@sha256:" + "0" * 64, False), ("ghcr.io/a/b:main", True), ("ghcr.io/a/b:v1.2.3", False),
])  # fmt: skip
def test_floating(image: str, floating: bool) -> None:
    assert floats(image) == floating
