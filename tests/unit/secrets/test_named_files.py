# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files the inventory names and nobody can be expected to read: pipes, which wait for a writer, and devices, which have no end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError, SecretError
from ansible_collections.restaking.avs.plugins.module_utils.system.regular import read_regular
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.connection import connection
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.controller_files import ControllerFiles, Places
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.signature import _signers

URL = "https://vault.example.org:8200"


@pytest.fixture(params=["pipe", "device"])
def odd(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if request.param == "device":
        return "/dev/zero"
    os.mkfifo(tmp_path / "pipe")
    return str(tmp_path / "pipe")


def test_only_regular_files_are_read(tmp_path: Path, odd: str) -> None:
    with pytest.raises(OSError, match="not a regular file"):
        read_regular(odd, 10)
    (tmp_path / "file").write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_regular(tmp_path / "link", 10) == b"0123456789"
    with pytest.raises(OSError, match="larger than 9 bytes"):
        read_regular(tmp_path / "file", 9)


def test_a_token_file(odd: str) -> None:
    given = {"url": URL, "token_path": os.path.dirname(odd), "token_file": os.path.basename(odd)}
    with pytest.raises(SecretError) as caught:
        connection(given.get, {})
    assert [item.id for item in caught.value.findings] == ["SEC-002"]


def test_a_file_of_certificates(odd: str) -> None:
    with pytest.raises(SecretError) as caught:
        connection({"url": URL, "token": "t", "ca_cert": odd}.get, {})
    assert [(item.id, item.place) for item in caught.value.findings] == [("SEC-001", "ansible_hashi_vault_ca_cert")]


def test_allowed_signers(odd: str) -> None:
    with pytest.raises(InputError, match="not a regular file"):
        _signers("core", odd)


def test_keystores_and_passwords(odd: str, tmp_path: Path) -> None:
    files = ControllerFiles(Places(tmp_path), lambda name: name, lambda _path, data: data, lambda _name: False)
    assert files.find(odd) is None
    with pytest.raises(OSError, match="not a regular file"):
        files.read(odd)
