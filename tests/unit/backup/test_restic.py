# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restic says, and what counts as a backup."""

from __future__ import annotations

import os
import socket

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import kept, restic
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import Snapshot
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError


def test_a_version_that_is_too_old_or_unknown_is_refused() -> None:
    assert restic.abilities("restic 0.14.0 compiled with go1.19.8 on linux/amd64").sparse is False
    assert restic.abilities("restic 0.12.1 compiled").dry is False and restic.abilities("restic 0.13.0").dry is True
    assert restic.abilities("restic 0.18.0-dev (compiled manually)").sparse is True
    assert restic.abilities("restic 1.0.0").sparse is True
    assert [restic.abilities(f"restic {number}").unscanned for number in ("0.14.0", "0.15.0")] == [False, True]
    for said in ("restic 0.11.0 compiled", "", "borg 1.2"):
        with pytest.raises(HostError, match="or newer is needed"):
            restic.abilities(said)


@pytest.mark.parametrize(
    ("code", "said", "kind"),
    [
        (1, "Fatal: wrong password or no key found", "password"),
        (12, "", "password"),
        (1, "unable to create lock in backend: repository is already locked by PID 1", "locked"),
        (11, "", "locked"),
        (1, "Fatal: unable to open config file: stat x\nIs there a repository at the following location?\n/x", "missing"),
        (10, "", "missing"),
        (1, "Fatal: unable to save snapshot: write x: no space left on device", "full"),
        (1, "Fatal: repository contains errors", "damaged"),
        (3, "error: no space left", "incomplete"),
        (1, "anything else", "other"),
        (130, "", "other"),
    ],
)
def test_what_it_ends_with(code: int, said: str, kind: str) -> None:
    assert restic.kind_of(code, said) == kind


def test_its_last_words_are_short_and_not_its_progress() -> None:
    said = '{"message_type":"status","percent_done":1}\n{"message_type":"error","error":{"message":"read /a: denied"}}\n\nFatal: ends\n'
    assert restic.last_words(said) == "read /a: denied; Fatal: ends"
    said = '{"message_type":"error","error":{"Op":"read","Path":"/a/b","Err":5},"during":"archival","item":"/a/b"}\nWarning: not all'
    assert restic.last_words(said) == "read /a/b; Warning: not all"
    assert len(restic.last_words("x" * 5000)) == 1000


def test_what_went_wrong_is_found_before_its_trace() -> None:
    said = """write /r/locks/f06-tmp-34: no space left on device
github.com/restic/restic/internal/backend/local.(*Local).Save
\tgithub.com/restic/restic/internal/backend/local/local.go:170
github.com/cenkalti/backoff.RetryNotify
\tgithub.com/cenkalti/backoff/retry.go:34
main.runForget
\tgithub.com/restic/restic/cmd/restic/cmd_forget.go:123
main.glob..func11
\tgithub.com/restic/restic/cmd/restic/cmd_forget.go:35
runtime.main
\truntime/proc.go:250
runtime.goexit
\truntime/asm_amd64.s:1594
unable to create lock in backend
"""
    assert restic.last_words(said) == "write /r/locks/f06-tmp-34: no space left on device; unable to create lock in backend"
    assert restic.kind_of(1, said) == "full"
    # A file may be called so.
    assert (
        restic.last_words("error: /a/main.go: permission denied\nb.go:3 vanished")
        == "error: /a/main.go: permission denied; b.go:3 vanished"
    )


def test_locks_of_this_host_are_dead_where_no_restic_has_their_number() -> None:
    mine = {"hostname": socket.gethostname(), "pid": os.getpid()}
    assert restic.is_dead(mine) and restic.is_dead({**mine, "pid": 1 << 30})
    assert not restic.is_dead({**mine, "hostname": "elsewhere"}) and not restic.is_dead({"hostname": socket.gethostname()})


def snapshot(name: str, **tags: str) -> Snapshot:
    return Snapshot(name, f"2026-01-01T00:00:{len(name):02}Z", "i", {f"avs.{key}": value for key, value in tags.items()}, ["/x"])


FILES = snapshot("f1", part="files", kind="stopped", transaction="t1", version="v1")
SEAL = snapshot("s1", part="seal", kind="stopped", transaction="t1", of="f1")


def test_a_backup_is_files_of_a_stopped_node_and_their_seal() -> None:
    [found] = kept.backups([FILES, SEAL], "i")
    assert (found.id, found.files, found.seal, found.version, found.verified) == ("t1", "f1", "s1", "v1", "")
    proof = snapshot("p12", part="proof", of="f1", transaction="t1")
    assert kept.backups([FILES, SEAL, proof], "i")[0].verified == proof.time
    live = snapshot("f1", part="files", kind="live", transaction="t1")
    other = snapshot("s1", part="seal", kind="stopped", transaction="t2", of="f1")
    elsewhere = Snapshot("f1", FILES.time, "j", FILES.tags, [])
    # One that was begun before there was anything to name goes by its transaction, where that made one and no other.
    early = snapshot("s1", part="seal", kind="stopped", transaction="t1")
    again = snapshot("f2", part="files", kind="stopped", transaction="t1")
    assert kept.backups([FILES, early], "i")[0].files == "f1"
    none = Snapshot("x", "", "i", {}, [])
    for snapshots in ([FILES], [SEAL], [live, SEAL], [FILES, other], [elsewhere, SEAL], [none], [live, early], [FILES, again, early]):
        assert kept.backups(snapshots, "i") == []


def test_what_has_no_seal_is_left_over_and_nothing_else() -> None:
    live, cut = snapshot("l", part="files", kind="live"), snapshot("c", part="files", kind="stopped", transaction="t3")
    stranger = Snapshot("o", "", "i", {}, [])
    assert kept.unsealed([FILES, SEAL, live, cut, stranger], "i") == [live, cut]


def test_an_id_that_is_short_means_one_snapshot_of_its_transaction_or_none() -> None:
    one, two = (snapshot(name, transaction="t") for name in ("aa1", "aa2"))
    assert kept.whole_id([one, two], "aa1", "t") == one
    assert (
        kept.whole_id([one, two], "aa", "t") is None and kept.whole_id([one], "aa", "u") is None and kept.whole_id([one], "", "t") is None
    )


def test_a_tag_has_no_comma() -> None:
    assert kept.plain("v1.0,x y/ü") == "v1.0-x-y--"
