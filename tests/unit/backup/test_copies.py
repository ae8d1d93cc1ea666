# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where copies may be, what one needs, and that nothing secret is where others see it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import backends, copies, remote, settings
from ansible_collections.restaking.avs.plugins.module_utils.backup.bringing import lacking
from ansible_collections.restaking.avs.plugins.module_utils.backup.copies import Copy
from ansible_collections.restaking.avs.plugins.module_utils.backup.kept import Backup
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import ResticError
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore, Store

CANARY = "canary/of a @secret:"
WORD = "canary-of-a-secret"
GOOD: dict[str, dict[str, Any]] = {
    "local": {"repository": "/mnt/other/avs"},
    "sftp": {"repository": "sftp:avs@backup.example.com:/srv/avs", "secret": f"{WORD}\nline two", "known_hosts": "h ssh-ed25519 A"},
    "s3": {"repository": "s3:https://s3.example.com/bucket/avs", "user": "AKIA", "secret": WORD, "region": "eu-1", "ca": "PEM"},
    "rest": {"repository": "rest:https://backup.example.com:8000/avs/", "user": "node", "secret": CANARY},
}


@pytest.fixture
def own(tmp_path: Path) -> InstanceStore:
    return Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks")).instance("a-1")


@pytest.mark.parametrize(
    ("text", "kind", "below"),
    [
        ("/mnt/x", "local", "/mnt/x/a-1"),
        ("sftp:h:/srv/avs", "sftp", "sftp:h:/srv/avs/a-1"),
        ("sftp://u@h:2222//srv/avs", "sftp", "sftp://u@h:2222//srv/avs/a-1"),
        ("sftp://[::1]:2222/avs", "sftp", "sftp://[::1]:2222/avs/a-1"),
        ("s3:https://s3.eu-1.example.com/bucket", "s3", "s3:https://s3.eu-1.example.com/bucket/a-1"),
        ("s3:http://127.0.0.1:9000/bucket/x", "s3", "s3:http://127.0.0.1:9000/bucket/x/a-1"),
        ("rest:https://h:8000/", "rest", "rest:https://h:8000/a-1"),
        ("rest:http://localhost:8000/x/", "rest", "rest:http://localhost:8000/x/a-1"),
    ],
)
def test_an_address_that_is_allowed(text: str, kind: str, below: str) -> None:
    address = backends.address_of(text)
    assert (address.kind, address.below("a-1")) == (kind, below)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        *((f"{name}:bucket:x", "is not allowed: ") for name in ("b2", "azure", "gs", "swift", "rclone")),
        ("rest:https://user:pass@h/", "fields of their own"),
        ("s3:http://h/bucket", "use https"),
        ("rest:http://h/", "use https"),
        ("s3:https://h/", "no address"),
        ("s3:s3.amazonaws.com/bucket", "no address"),
        ("sftp:-oProxyCommand=x:/srv", "no address"),
        ("sftp:-u@h:/srv", "no address"),
        ("sftp:u@h:srv", "no address"),
        ("sftp://u@h:0/srv", "no address"),
        ("sftp:u@h:/srv/../x", "no address"),
        ("sftp:u@h:/srv/a b", "no address"),
        ("/", "no address"),
        ("/mnt/../x", "no address"),
        ("/mnt/x\n", "no address"),
        ("ftp://h/x", "of no kind"),
        ("x/y", "of no kind"),
        ("", "no address"),
        (5, "no address"),
        ("LOCAL:/x", "of no kind"),
        ("local:/x", "no address"),
    ],
)
def test_any_other_is_refused_and_told_why(text: object, word: str) -> None:
    with pytest.raises(ValueError, match=word) as refused:
        backends.address_of(text)
    assert "pass" not in str(refused.value).replace("password", "")


@pytest.mark.parametrize("kind", GOOD)
def test_what_one_needs_has_to_be_there_and_nothing_else_may_be(kind: str) -> None:
    good = {"name": "off", **GOOD[kind]}
    assert copies.given([good]) is not None and copies.given(None) is None
    for name in backends.KINDS[kind].needs:
        with pytest.raises(HostError) as refused:
            copies.given([{**good, name: None}])
        assert [item.place for item in refused.value.findings] == [f"avs_backup_copies[0].{name}"]
    # In check mode nothing secret is sent.
    assert copies.given([{name: value for name, value in good.items() if name != "secret"}], check=True)
    others = {"user", "secret", "known_hosts", "ca", "region"} - {*backends.KINDS[kind].needs, *backends.KINDS[kind].takes}
    for name in sorted(others):
        with pytest.raises(HostError, match="has no meaning"):
            copies.given([{**good, name: "x"}])


@pytest.mark.parametrize(
    "wrong",
    [
        "x",
        ["x"],
        {},
        [{}],
        [{"name": "A", "repository": "/mnt/x"}],
        [{"name": "a", "repository": "/mnt/x", "prune": "never"}],
        [{"name": "a", "repository": "/mnt/x", "more": "x"}],
        [{"name": "a", "repository": "/mnt/x", "password": {"source": "file"}}],
        [{"name": "a", "repository": "/mnt/x", "password": "two\nlines"}],
        [{"name": "a", "repository": "/mnt/x"}, {"name": "a", "repository": "/mnt/y"}],
        [{"name": "a", **GOOD["rest"], "user": None}],
        [{"name": "a", **GOOD["rest"], "secret": None}],
        [{"name": "a", **GOOD["s3"], "secret": "a\naws_session_token = x"}],
        [{"name": "a", **GOOD["s3"], "region": "eu -o x"}],
        [{"name": "a", **GOOD["s3"], "user": "%(aws_secret_access_key)s"}],
        [{"name": "a", **GOOD["s3"], "secret": f"{WORD}`"}],
        [{"name": str(number), "repository": "/mnt/x"} for number in range(11)],
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: Any) -> None:
    with pytest.raises(HostError) as refused:
        copies.given(wrong)
    assert refused.value.findings and WORD not in str(refused.value) and CANARY not in str(refused.value)


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("version", ["0.12.1", "0.14.0", "0.18.0"])
def test_nothing_secret_is_an_argument_or_in_an_environment(own: InstanceStore, kind: str, version: str) -> None:
    given = copies.given([{"name": "off", **GOOD[kind], "password": "canary of the copy"}])
    assert given is not None
    copies.keep(own, given)
    lines: list[list[str]] = []

    def run(args: list[str], **_more: Any) -> tuple[int, bytes, bytes]:
        lines.append(args)
        return (0, f"restic {version} compiled".encode(), b"") if args[-1] == "version" else (0, b"[]", b"")

    found = remote.opened(run, own, given[0].copy)
    local = remote.opened(run, own, Copy(name="x", repository="/mnt/here"))
    try:
        found.abilities()
    except HostError as refused:
        # Its address cannot be read from a file where it is copied to.
        assert (kind, version) == ("rest", "0.12.1") and "0.14 or newer" in str(refused)
        return
    found.make() if kind != "local" else None
    found.snapshots()
    found.check(everything=True)
    found.copy_from(local, ["0123"])
    found.clear_locks()
    for line in lines:
        assert not [word for word in line for secret in (WORD, CANARY, "canary") if secret in word], line
        assert line[:2] == ["/usr/bin/env", "-i"] and "RESTIC_PASSWORD" not in " ".join(line)
    copying = next(line for line in lines if "copy" in line)
    assert ("--repo2" in copying) == (version == "0.12.1")
    folder = Path(copies.folder(own, "off"))
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir()) and folder.stat().st_mode & 0o777 == 0o700
    assert copies.missing(own, given[0].copy) == []
    # What others do not have any more goes.
    copies.keep(own, [])
    assert not folder.exists()


def test_a_server_by_ssh_is_known_and_logged_in_to_by_its_key_alone(own: InstanceStore) -> None:
    words = copies.ssh_words(own, Copy(name="off", repository="sftp://u@h:2222//srv"))
    assert words[:3] == ["/usr/bin/ssh", "-F", "none"] and words[-7:] == ["-p", "2222", "-l", "u", "-s", "h", "sftp"]
    for wanted in (
        "StrictHostKeyChecking=yes",
        "GlobalKnownHostsFile=/dev/null",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "BatchMode=yes",
    ):
        assert wanted in words


def test_what_a_server_says_is_told_without_the_login(own: InstanceStore) -> None:
    given = copies.given([{"name": "off", **GOOD["rest"]}])
    assert given is not None
    copies.keep(own, given)
    address = Path(copies.folder(own, "off"), "secret").read_text()
    assert address == "rest:https://node:canary%2Fof%20a%20%40secret%3A@backup.example.com:8000/avs/a-1"

    def run(_args: list[str], **_more: Any) -> tuple[int, bytes, bytes]:
        return 1, b"", f"Fatal: {address} and {CANARY}: 401 Unauthorized".encode()

    settings.keep_password(own, settings.offer_password(own, "p"))
    with pytest.raises(ResticError) as refused:
        remote.opened(run, own, given[0].copy).snapshots()
    assert refused.value.kind == "away" and "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("here", "there", "made", "wanted"),
    [
        ("abc", "", "c", "abc"),
        ("abc", "a", "c", "bc"),
        ("abc", "bc", "c", ""),
        ("abc", "c", "c", ""),
        ("abc", "c", "a", "a"),
        ("bc", "a", "c", "bc"),
        # One of a clock that was ahead, on both, on the copy alone, here alone; and a clock that is behind by now.
        ("abcz", "az", "c", "bc"),
        ("abcz", "z", "c", "abc"),
        ("abc", "az", "c", "bc"),
        ("abcz", "a", "c", "bcz"),
        ("acde", "de", "a", "a"),
    ],
)
def test_what_a_copy_lacks(here: str, there: str, made: str, wanted: str) -> None:
    def of(names: str) -> list[Backup]:
        return [Backup(name, "a-1", name, "v1", name, name) for name in names]

    assert "".join(item.id for item in lacking(of(here), of(there), made)) == wanted


def test_the_page_has_the_table() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "backup.md").read_text()
    rows = [re.split(r" *\| *", line)[1:-1] for line in page.splitlines() if line.startswith("| `")]
    told = {name.strip("`: "): row for row in rows if row[1] in ("yes", "no") for name in row[0].split(",")}
    for name, kind in backends.KINDS.items():
        row = told.pop("/folder" if name == "local" else name)
        assert row[1] == ("yes" if kind.forms else "no") and (not kind.forms or row[3].startswith(kind.why)), name
        assert all(f"`{field}`" in row[2] for field in (*kind.needs, *kind.takes)), name
    # Classes have such a column, too.
    assert set(told) <= {"data", "monotonic", "secret", "cache"}
