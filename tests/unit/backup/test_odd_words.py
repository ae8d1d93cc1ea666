# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restic, or somebody with an editor, says that is none of what is expected: told as that, and never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import last, pace, restic, settings
from ansible_collections.restaking.avs.plugins.module_utils.backup.backends import address_of
from ansible_collections.restaking.avs.plugins.module_utils.backup.pace import Pace
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import How, Label, Restic, ResticError
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore, Store
from ansible_collections.restaking.avs.plugins.module_utils.status.saved import saved


@pytest.fixture
def own(tmp_path: Path) -> InstanceStore:
    mine = Store(*(str(tmp_path / name) for name in ("root", "run", "locks"))).instance("a-avs-1")
    Path(mine.path("backup")).mkdir(parents=True)
    return mine


def saying(out: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Restic:
    def run(*_words: Any, **_more: Any) -> tuple[int, bytes, bytes]:
        return 0, out.encode(), b""

    monkeypatch.setattr(restic, "program", lambda: "/usr/bin/restic")
    return Restic(run, str(tmp_path / "repository"), str(tmp_path / "password"))


@pytest.mark.parametrize("more", [{"tags": 5}, {"paths": 5}, {"tags": {"a": "b"}, "paths": "x"}, {"tags": [7], "paths": None}])
def test_a_snapshot_with_odd_fields_is_none_of_ours(more: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (found,) = saying(json.dumps([{"id": "a", "time": "x", "hostname": "a-1", **more}]), monkeypatch, tmp_path).snapshots()
    assert (found.id, dict(found.tags), list(found.paths)) == ("a", {}, [])


@pytest.mark.parametrize("size", ['"many"', "[1]", "NaN", "1.5", "true", "-1"])
def test_a_summary_with_odd_sizes_is_no_summary(size: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = f'{{"message_type": "summary", "snapshot_id": "x", "total_files_processed": 1, "data_added": {size}}}'
    with pytest.raises(ResticError, match="did not say what it saved"):
        saying(said, monkeypatch, tmp_path).backup(["/x"], Label("a-1", {}), How())
    known = saying(said.replace(size, "7"), monkeypatch, tmp_path).backup(["/x"], Label("a-1", {}), How())
    assert (known.snapshot, known.added) == ("x", 7)


@pytest.mark.parametrize(
    "text", ['{"rate": NaN}', '{"fixed": Infinity}', '{"fixed": -5}', '{"rate": -1}', '{"to_read": 1e400}', '{"to_read": -1}']
)
def test_an_estimate_that_is_none_says_nothing(own: InstanceStore, text: str) -> None:
    Path(own.path("backup", "pace.json")).write_text(text)
    assert pace.read(own) == Pace()


def test_what_is_told_of_a_backup_is_json(own: InstanceStore) -> None:
    Path(last.place(own)).write_text('{"id": "x", "time": "2026-01-01T00:00:00Z", "seconds": NaN}')
    assert last.read(own) is None and "NaN" not in json.dumps(saved(own, True)[0])


@pytest.mark.parametrize(
    "copy", [{"name": "../../x", "repository": "/y"}, {"name": "x", "repository": "s3:nonsense"}, {"name": "x", "repository": "//y"}]
)
def test_a_copy_that_is_none_is_told(own: InstanceStore, copy: dict[str, str]) -> None:
    Path(own.path("backup", "settings.json")).write_text(json.dumps({"repository": "/x", "copies": [copy]}))
    with pytest.raises(HostError, match=r"settings\.json copies\.0\.(name|repository) is "):
        settings.read(own)


def test_a_password_that_no_file_can_have_is_refused(own: InstanceStore) -> None:
    with pytest.raises(HostError, match="one line without white space"):
        settings.offer_password(own, "with\ud800surrogate")


@pytest.mark.parametrize("text", ["//x", "sftp://u@h:99999//p", "rest:https://h:70000/x"])
def test_an_address_that_means_another_one_or_no_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no address of a repository"):
        address_of(text)
    if text.startswith("/"):
        with pytest.raises(HostError):
            settings.require_repository(f"{text}/y")
