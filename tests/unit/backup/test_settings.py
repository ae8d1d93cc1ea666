# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host keeps of how an instance is backed up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import settings
from ansible_collections.restaking.avs.plugins.module_utils.backup.settings import Settings
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.common.records import plain
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store


def test_settings_are_kept_and_a_damaged_or_newer_record_is_told(tmp_path: Path) -> None:
    own = Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks")).instance("a-1")
    assert settings.read(own) is None
    one = Settings(schema=1, repository="/r/a-1", classes={"d": "cache"}, acknowledged=["x"])
    assert (settings.keep(own, one), settings.keep(own, one), plain(settings.read(own))) == (True, False, one.as_dict())
    path = Path(settings.folder(own), "settings.json")
    for text, word in (("{", "is not JSON"), ("[]", "mapping"), ('{"schema": 2}', "newer release"), ('{"repository": 5}', "repository")):
        path.write_text(text)
        with pytest.raises(HostError, match=word):
            settings.read(own)


def test_a_password_counts_once_it_has_opened_something(tmp_path: Path) -> None:
    own = Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks")).instance("a-1")
    path = settings.offer_password(own, "p")
    assert not settings.has_password(own) and os.stat(path).st_mode & 0o777 == 0o600
    settings.keep_password(own, path)
    assert settings.has_password(own) and not os.path.exists(path)
    assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700
    for bad in ("", " a", "a\nb", "x" * 5000):
        with pytest.raises(HostError):
            settings.offer_password(own, bad)


def test_passwords_offered_at_once_are_not_each_others(tmp_path: Path) -> None:
    own = Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks")).instance("a-1")
    one = settings.offer_password(own, "p")
    gone = os.fork()
    if not gone:
        os._exit(0)
    os.waitpid(gone, 0)
    for name in ("password.offered", f"password.offered-{gone}-0123"):
        Path(one).with_name(name).write_text("of one that was killed")
    other = settings.offer_password(own, "q")
    assert sorted(os.listdir(os.path.dirname(one))) == sorted(map(os.path.basename, (one, other)))
    settings.keep_password(own, one)
    assert settings.same_password(own, "p") and Path(other).read_text() == "q"


@pytest.mark.parametrize("bad", ["x/y", "/", "/x", "/a/../b", "/a//b", "s3:http://x/y", "sftp:u@h:/x", "/a/\n", None])
def test_a_repository_is_a_folder_of_the_host(bad: object) -> None:
    with pytest.raises(HostError):
        settings.require_repository(bad)
    assert settings.require_repository("/mnt/backup") == "/mnt/backup"
