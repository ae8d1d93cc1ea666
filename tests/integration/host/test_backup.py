# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of nodes that run, by the host's own restic: what is in them, what is not, and what becomes of the node."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import last, listing
from ansible_collections.restaking.avs.plugins.module_utils.backup.listing import Tree
from ansible_collections.restaking.avs.plugins.module_utils.common.records import plain
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control, own, restoring, saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.restoring import Back
from ansible_collections.restaking.avs.plugins.module_utils.system import files
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl import people
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.commands import Place
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command

from tests.integration.host.support import ROOT, Bench, docker

PASSWORD = "canary-of-the-repository's-$password"
WAY = Way("tester", 5, 30)


def host(bench: Bench) -> Host:
    return Host(bench.store, bench.engine, run_command)


def entry(result: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = result["instances"][0]
    return found


def take(bench: Bench, name: str, way: Way = WAY, **asked: Any) -> dict[str, Any]:
    return entry(saving.take(host(bench), [name], way, Asked(**{"password": PASSWORD, **asked})))


def listed(bench: Bench, name: str, **asked: Any) -> list[dict[str, Any]]:
    done = entry(saving.listed(host(bench), [name], WAY, Asked(**asked)))
    assert done["error"] is None
    return list(done["backups"])


def prove(bench: Bench, name: str, **asked: Any) -> dict[str, Any]:
    return entry(saving.proven(host(bench), [name], WAY, Asked(**asked)))


def actions(done: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(item["kind"], item["name"], item["action"]) for item in done["actions"]]


def restic(bench: Bench, name: str, *arguments: str) -> str:
    """The repository as anybody sees it who has the password."""
    repository = Path(bench.store.root) / "backup" / name
    secret = bench.folder / "password"
    secret.write_text(PASSWORD)
    line = ["restic", "--no-cache", "--no-lock", "-r", str(repository), "--password-file", str(secret), *arguments]
    return subprocess.run(line, capture_output=True, text=True, errors="replace", check=True).stdout


def mountpoint(name: str) -> Path:
    return Path(json.loads(docker("volume", "inspect", f"avs-{name}_node-data"))[0]["Mountpoint"])


@pytest.fixture(scope="module")
def node(bench: Bench, tree: Path, keys: dict[str, str]) -> Iterator[str]:
    """The demo node with keys, installed and well."""
    spec = bench.spec("b", tree, keys)
    done = bench.call([spec])
    assert done["instances"][0]["error"] is None
    bench.specs = [spec]  # type: ignore[attr-defined]
    yield str(spec["id"])


def test_no_key_and_no_password_is_in_any_snapshot_list_or_record(bench: Bench, node: str) -> None:
    done = take(bench, node)
    assert done["error"] is None
    listing = listed(bench, node)
    assert len(listing) == 1
    shown = json.dumps([done, listing])
    out = bench.folder / "all"
    for snapshot in json.loads(restic(bench, node, "snapshots", "--json")):
        restic(bench, node, "restore", snapshot["id"], "--target", str(out / snapshot["id"]))
        shown += json.dumps(snapshot)
    for path in out.rglob("*"):
        assert "keys" not in path.name and "secrets" not in path.name
    for values in bench.values.values():
        for name, value in values.items():
            for text in (value, value.splitlines()[0], json.dumps(value)[1:-1]):
                assert text not in shown, name
                found = subprocess.run(["grep", "-rzFl", "-e", text, str(out)], capture_output=True, text=True, check=False)
                assert found.stdout == "", name
                script = 'find "$1" -name "*.gz" -exec zcat {} + | grep -cF -e "$2"'
                packed = subprocess.run(["sh", "-c", script, "-", str(out), text], capture_output=True, text=True, check=False)
                assert packed.stdout.strip() == "0", name
    # Of the repository's own password there is a file in memory, and nothing else.
    for root in (bench.store.root, bench.store.locks, str(bench.folder / "all")):
        found = subprocess.run(["grep", "-rlF", "-e", PASSWORD, root], capture_output=True, text=True, check=False)
        assert found.stdout == ""
    assert PASSWORD not in shown
    kept = Path(bench.store.run) / node / "backup" / "password"
    assert (kept.read_text(), kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (PASSWORD, 0o600, 0o700)


def test_a_backup_is_announced_and_stops_the_node_for_as_long_as_it_takes(bench: Bench, node: str) -> None:
    before = bench.files()
    announced = take(bench, node, Way("tester", 5, 30, check=True))
    assert bench.files() == before
    ids = bench.containers()
    done = take(bench, node)
    assert (done["error"], done["state"], done["health"]["status"]) == (None, "started", "healthy")
    assert actions(done) == actions(announced)
    assert ("container", "node", "stop") in actions(done) and ("backup", node, "create") in actions(done)
    assert bench.containers() == ids
    assert done["backup"]["size"] > 0 and done["backup"]["left"] == {}
    again = bench.call(bench.specs)  # type: ignore[attr-defined]
    assert again["changed"] is False


def test_it_is_proven_by_being_restored(bench: Bench, node: str) -> None:
    data = Path(bench.store.instance(node).data) / "data" / "work"
    odd_things(data)
    assert take(bench, node)["error"] is None
    done = prove(bench, node)
    assert done["error"] is None
    assert listed(bench, node)[-1]["verified"] is not None and listed(bench, node)[0]["verified"] is None
    known = ("settings.json", "last.json", "pace.json")
    assert not [name for name in os.listdir(bench.store.instance(node).path("backup")) if name not in known]


CHILD = """
import sys
sys.path[:0] = {paths!r}
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Engine
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import repositories, saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command
saving.take(repositories.Host(Store(*{roots!r}), Engine(run_command), run_command), [{name!r}], Way("killed", 5, 30), repositories.Asked())
"""


# Every cut there can be is tried in memory (tests/unit/reconcile/test_saving.py); here one counts as much as the other.
@pytest.mark.parametrize(
    "moment", ["stopped copy", *(pytest.param(name, marks=pytest.mark.soak) for name in ("live pass", "start", "seal"))]
)
def test_killed_anywhere_the_next_run_has_the_node_up_and_what_counts_can_be_proven(bench: Bench, node: str, moment: str) -> None:
    known = listed(bench, node)
    (Path(bench.store.instance(node).data) / "data" / "work" / moment).write_bytes(os.urandom(30 << 20))
    roots = (bench.store.root, bench.store.run, bench.store.locks)
    code = CHILD.format(paths=[str(ROOT), str(ROOT / ".cache" / "collections")], roots=roots, name=node)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, start_new_session=True)
    journal = Path(bench.store.instance(node).path("journal.jsonl"))
    phase = json.dumps(moment)
    before, until = journal.read_text().count(phase), time.monotonic() + 60
    while journal.read_text().count(phase) == before and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.1)
    os.killpg(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    done = bench.call(bench.specs, timeout=60)  # type: ignore[attr-defined]
    assert done["instances"][0]["error"] is None and len(bench.running()) == 2
    now = listed(bench, node)
    assert now[: len(known)] == known and len(now) <= len(known) + 1
    assert take(bench, node)["error"] is None
    assert prove(bench, node)["error"] is None


def test_avsctl_backs_up_lists_and_proves_by_what_the_host_keeps(bench: Bench, node: str, capsys: pytest.CaptureFixture[str]) -> None:
    place = Place(bench.store, bench.engine)
    own = bench.store.instance(node)
    noted = last.read(own)
    assert noted is not None
    files.write_json(last.place(own), plain(noted.but(verified="2026-01-01T00:00:00Z")))
    # As its timer does, after a long time without a proof.
    assert people.main(["backup", node, "--prove-due", "--json"], place) == 0
    done = json.loads(capsys.readouterr().out)["instances"][0]
    made = done["backup"]
    assert done["proofs"][""]["id"] == made["id"]
    assert people.main(["backups", node], place) == 0
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.split()[2] == made["id"] and row.split()[-1] != "never"
    assert people.main(["prove", node], place) == 0
    assert f"{made['id']} was restored aside and is what was saved" in capsys.readouterr().out
    (Path(bench.store.run) / node / "backup" / "password").unlink()
    assert people.main(["backup", node], place) == 3
    assert "waits for the password of its repository" in capsys.readouterr().out
    assert len(bench.running()) == 2
    assert take(bench, node)["error"] is None


def test_it_is_restored_with_everything_as_it_was(bench: Bench, node: str, tmp_path: Path) -> None:
    mine = bench.store.instance(node)
    folders = {"work": Path(mine.data) / "data" / "work", "volume": mountpoint(node)}
    if not (folders["work"] / "plain").exists():
        odd_things(folders["work"])
    (folders["volume"] / "rows").write_text("committed")
    backup = take(bench, node)["backup"]["id"]
    manifest = {name: written(tmp_path / name, folder) for name, folder in folders.items()}
    for folder in folders.values():
        (folder / "later").write_text("later")
    (folders["work"] / "plain").unlink()
    (folders["volume"] / "rows").write_text("a node that lost its mind")
    done = entry(restoring.restore(host(bench), [node], WAY, Asked(), Back(backup)))
    assert (done["error"], done["state"], done["health"]["status"], done["replaced"]) == (None, "started", "healthy", {})
    assert (folders["volume"] / "rows").read_text() == "committed" and not (folders["work"] / "later").exists()
    # What the node has written since it runs again is its own.
    same = listing.differences(listing.read(str(manifest["work"])), [Tree("x", str(folders["work"]))])
    assert [line for line in same if "node.json" not in line] == []
    assert not [
        name
        for folder in (mine.root, str(folders["volume"].parent))
        for name in os.listdir(folder)
        if "restoring" in name or "replaced" in name
    ]
    assert bench.call(bench.specs)["changed"] is False  # type: ignore[attr-defined]


RESTORING = (
    CHILD.replace("repositories, saving\n", "repositories, restoring, saving\n")
    .replace("saving.take(", "restoring.restore(")
    .replace("repositories.Asked())", "repositories.Asked(), restoring.Back())")
)


def test_a_restore_that_is_killed_leaves_the_old_or_the_new_and_the_next_start_of_the_host_a_node(bench: Bench, node: str) -> None:
    rows = mountpoint(node) / "rows"
    rows.write_text("committed")
    assert take(bench, node)["error"] is None
    rows.write_text("later")
    roots = (bench.store.root, bench.store.run, bench.store.locks)
    code = RESTORING.format(paths=[str(ROOT), str(ROOT / ".cache" / "collections")], roots=roots, name=node)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, start_new_session=True)
    journal = Path(bench.store.instance(node).path("journal.jsonl"))
    until = time.monotonic() + 60
    while '"operation": "restore"' not in journal.read_text().splitlines()[-1] and time.monotonic() < until:
        time.sleep(0.002)
    time.sleep(0.1)
    os.killpg(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    # The engine goes on with what it was asked.
    for name in bench.running():
        docker("stop", "-t", "1", name)
    boot = Way("unit", 30, 30, boot=True)
    own.recover(bench.store, bench.engine, [node], boot)
    done = control.start(bench.store, bench.engine, [node], boot)["instances"][0]
    assert done["error"] is None and len(bench.running()) == 2
    assert rows.read_text() in ("committed", "later")
    again = entry(restoring.restore(host(bench), [node], WAY, Asked(), Back()))
    assert again["error"] is None and rows.read_text() == "committed" and hold.hold_of(bench.store.instance(node)) is None


def written(path: Path, folder: Path) -> Path:
    listing.write(str(path), [Tree("x", str(folder))], 1 << 62)
    return path


def odd_things(folder: Path) -> None:
    (folder / "plain").write_text("content")
    os.link(folder / "plain", folder / "other name")
    (folder / "link").symlink_to("/nowhere/at/all")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "sock"))
    for name in (b"odd\xff\n*[x]?", b"-rf", b" space ", "g\u00fcn\u00fd \U0001f600".encode(), b"$HOME\\"):
        handle = os.open(os.path.join(os.fsencode(folder), name), os.O_CREAT | os.O_WRONLY)
        os.write(handle, name)
        os.close(handle)
    with open(folder / "sparse", "wb") as handle:
        handle.truncate(64 << 20)
        os.pwrite(handle.fileno(), b"x" * 5000, 33 << 20)
    os.setxattr(folder / "plain", "user.odd", b"\x00\xff")
    os.setxattr(folder, "user.folder", b"1")
    os.chown(folder / "sparse", 12345, 54321)
    os.chmod(folder / "sparse", 0o4751)  # noqa: S103
    os.mkdir(folder / "closed", 0o000)
    os.utime(folder / "plain", ns=(1, 1234567890123456789))
