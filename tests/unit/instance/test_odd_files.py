# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things in our folders that nobody of ours put there: replaced where nothing of a node is lost, else left alone and named."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import Finding
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import Artifact
from ansible_collections.restaking.avs.plugins.module_utils.instance import artifacts, key_files
from ansible_collections.restaking.avs.plugins.module_utils.instance.download import Refused, download
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store, number_of
from ansible_collections.restaking.avs.plugins.module_utils.system import files

from tests.unit.support.instances import VIEW, installed


def odd(path: Path, kind: str) -> Path:
    """Something else than a file or folder of ours at this path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files.remove(str(path))
    if kind == "folder":
        path.mkdir()
        (path / "x").write_text("x")
    elif kind == "link":
        path.symlink_to("/nowhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_text("x")
    return path


def places(found: list[Finding]) -> list[tuple[str, str, str]]:
    return [(item.id, item.severity, item.place) for item in found]


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "file"])
def test_a_record_takes_the_place_of_whatever_is_there(tmp_path: Path, kind: str) -> None:
    path = odd(tmp_path / "record.json", kind)
    odd(tmp_path / ".record.json.tmp", kind)
    files.write_json(str(path), {"a": 1})
    assert files.read_json(str(path)) == {"a": 1} and os.listdir(tmp_path) == ["record.json"]
    odd(path, kind)
    odd(tmp_path / ".record.json.tmp", kind)
    files.link(str(path), "target")
    assert os.readlink(path) == "target" and os.listdir(tmp_path) == ["record.json"]


@pytest.mark.parametrize("kind", ["link", "pipe", "file"])
def test_a_folder_says_what_stands_in_its_way(tmp_path: Path, kind: str) -> None:
    path = odd(tmp_path / "data", kind)
    with pytest.raises(NotADirectoryError) as caught:
        files.folder(str(path))
    assert caught.value.filename == str(path) and os.path.lexists(path)
    files.own_folder(str(path))
    assert files.is_folder(str(path))


@pytest.mark.parametrize("kind", ["link", "pipe", "file"])
@pytest.mark.parametrize("name", [".", "keys", "keys/node", "keys/node/..data", "secrets.json", "secrets.env", "identities.json"])
def test_what_is_in_memory_is_made_anew(store: Store, name: str, kind: str) -> None:
    own, _state, _containers = installed(store)
    odd(Path(own.run, name), kind)
    key_files.write_secrets(own, {"option.token": "t"}, {"option.token": "v#1"}, {"option.token": "AVS_SECRET_1"})
    key_files.place_view(own, "node", VIEW, {"option.token": "t"})
    assert key_files.view_in_place(own, "node", VIEW, {"option.token": "t"})
    assert key_files.stored(own) == {"option.token": "t"}


@pytest.mark.parametrize("name", ["keys/node/..data", "secrets.json", "secrets.env", "identities.json"])
def test_so_is_a_folder_in_the_place_of_a_file(store: Store, name: str) -> None:
    test_what_is_in_memory_is_made_anew(store, name, "folder")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("1-v1.0.0", 1),
        ("12-path", 12),
        ("backup", None),
        ("²-x", None),
        ("٣-x", None),
        ("-1-x", None),
        ("1", None),
        ("9" * 30 + "-x", None),
    ],
)
def test_what_a_release_is_called(name: str, number: int | None) -> None:
    assert number_of(name) == number


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "file"])
def test_what_is_no_release_is_named_and_left_alone(store: Store, kind: str) -> None:
    own, _state, _containers = installed(store)
    strange = [odd(Path(own.releases, name), kind) for name in ("backup", "²-x")]
    odd(Path(own.releases, "2-old"), kind)
    odd(Path(own.releases, ".staging"), kind)
    assert (own.release_names(), own.next_release("v2")) == (["1-v1.0.0", "2-old"], "3-v2")
    assert places(own.prune({"1-v1.0.0"})) == [("OPS-010", "warning", str(path)) for path in strange]
    assert sorted(os.listdir(own.releases)) == sorted(["1-v1.0.0", "backup", "²-x"])


@pytest.mark.parametrize("kind", ["link", "pipe", "file"])
def test_releases_that_are_no_folder(store: Store, tmp_path: Path, kind: str) -> None:
    own = store.instance("demo-avs-op1")
    own.make()
    odd(Path(own.releases), kind)
    (tmp_path / "tree").mkdir()
    own.switch(own.stage(str(tmp_path / "tree"), "{}", {}, "v1"))
    assert own.release() == "1-v1"


def immutable(monkeypatch: pytest.MonkeyPatch, *paths: str) -> None:
    remove = files.remove

    def guarded(path: str) -> bool:
        if path in paths:
            raise PermissionError(errno.EPERM, "Operation not permitted", path)
        return remove(path)

    monkeypatch.setattr(files, "remove", guarded)


def test_what_does_not_go_is_named_and_fails_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    own, _state, _containers = installed(store)
    stuck = [str(odd(Path(own.releases, "2-old"), "file")), str(odd(Path(own.root, ".spec.json.tmp"), "file"))]
    immutable(monkeypatch, *stuck)
    assert places(own.prune({"1-v1.0.0"})) == [("OPS-010", "warning", path) for path in stuck]


def test_odd_things_among_the_artifacts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(store.artifacts)
    for name, kind in (("a", "link"), ("b", "pipe"), ("c", "file"), ("d.partial", "folder"), ("e.partial", "link")):
        odd(folder / name, kind)
    left, stuck, linked = odd(folder / "f", "folder"), odd(folder / "g", "file"), odd(folder / "h", "file")
    os.link(linked, folder.parent / "elsewhere")
    immutable(monkeypatch, str(stuck))
    assert places(artifacts.sweep(store)) == [("OPS-010", "warning", str(left)), ("OPS-010", "warning", str(stuck))]
    assert sorted(os.listdir(folder)) == ["f", "g", "h"]


@pytest.mark.parametrize("kind", ["link", "pipe", "file", "nothing"])
def test_artifacts_that_are_no_folder(store: Store, kind: str) -> None:
    if kind != "nothing":
        odd(Path(store.artifacts), kind)
    assert artifacts.sweep(store) == []


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_a_part_of_a_download_that_is_none(store: Store, kind: str) -> None:
    path = Path(store.artifacts, "0" * 64)
    odd(Path(f"{path}.partial"), kind)
    item = Artifact.read({"path": "x", "url": "http://127.0.0.1:1/x", "sha256": "0" * 64, "size": 1})
    with pytest.raises(Refused, match="cannot be downloaded"):
        download(item, str(path))


@pytest.mark.parametrize("length", [0, 1, 31, 33, 4096])
def test_a_host_key_of_another_length_is_none(store: Store, length: int) -> None:
    path = Path(store.root, "host.key")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"k" * length)
    for use in (store.host_key, lambda: store.keep_host_key(b"n" * 32)):
        with pytest.raises(HostError, match=f"has {length} bytes") as caught:
            use()
        assert [(item.id, item.place) for item in caught.value.findings] == [("OPS-010", str(path))]
        assert "remove it" in caught.value.findings[0].remedy
    assert path.read_bytes() == b"k" * length
