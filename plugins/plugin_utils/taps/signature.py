# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a tap's commit is the one that was meant: signed where that is asked for, under its own name, and no older than before."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...module_utils.common.errors import InputError
from ...module_utils.common.findings import WARNING, Finding
from ...module_utils.common.rules import finding
from ...module_utils.system.regular import read_regular
from ..fetching.cache import key_of
from ..fetching.git import GitError, run_git, with_settings
from ..fetching.repository import Repository

_TAGS = "refs/tags/"
# Bytes.
_MAX_SIGNERS = 1 << 20
_REMEDY = "Ask the tap's maintainers why. To use the commit you trust, set ref to its 40 digits."


@dataclass(frozen=True)
class Look:
    """A commit as it was looked at. ``time``: when it was made, in seconds since 1970, as its author says.

    ``named``: a signature covers the name it was asked for by, so no server can show it under another.
    """

    commit: str
    ref: str | None
    time: int
    named: bool

    @property
    def shown(self) -> str:
        return f"{self.commit} of {datetime.fromtimestamp(self.time, UTC):%Y-%m-%d %H:%M}"


def examine(repository: Repository, name: str, allowed_signers: str | None, commit: str, ref: str | None) -> tuple[Look, list[Finding]]:
    """Verify a fetched commit, and compare it with what the tap ``name`` was before. ``ref`` led to it; ``None``: the operator named it.

    Raises ``InputError``: TAP-001 (not signed by an allowed signer), TAP-003 (under a name that is not its own, a tag that moved,
    a branch that went back).
    """
    signers = _signers(name, allowed_signers) if allowed_signers else None
    mark = f"tap-{key_of(repository.key, name, commit, ref or '', hashlib.sha256(signers or b'').hexdigest())}"
    done = repository.cache.mark(mark)
    if done is not None:
        look = Look(commit, ref, int(done["time"]), bool(done["named"]))
        return look, [Finding.from_dict(item) for item in done["findings"]]
    named = _verify(repository, name, str(allowed_signers), commit, ref) if signers is not None else False
    look = Look(commit, ref, _time(repository, name, commit), named)
    findings = _remember(repository, name, signers is not None, look) if ref else []
    repository.cache.set_mark(mark, {"time": look.time, "named": named, "findings": [item.as_dict() for item in findings]})
    return look, findings


def _signers(name: str, path: str) -> bytes:
    signers = Path(path).expanduser()
    try:
        return read_regular(signers, _MAX_SIGNERS)
    except OSError as error:
        why = f"its allowed_signers file {signers} cannot be read: {error.strerror}"
        raise _bad(name, why, "Correct avs_taps[].allowed_signers.") from None


def _verify(repository: Repository, name: str, signers: str, commit: str, ref: str | None) -> bool:
    """An ssh signature of an allowed signer on the annotated tag, else on the commit itself; whether the tag's name is part of it."""
    # Only ssh signatures count: a key in the operator's GnuPG keyring is not an allowed signer.
    settings = [f"gpg.ssh.allowedSignersFile={Path(signers).expanduser().absolute()}", "gpg.minTrustLevel=fully"]
    settings += [f"{program}.program=/bin/false" for program in ("gpg", "gpg.openpgp", "gpg.x509")]
    what, own = ["verify-commit", commit], None
    try:
        if ref and ref.startswith(_TAGS):
            local = repository.fetch_tag_object(ref.removeprefix(_TAGS))
            # By its own id: the reference may be changed by another run.
            tag = run_git(repository.folder, ["rev-parse", local]).decode().strip()
            if run_git(repository.folder, ["cat-file", "-t", tag]).strip() == b"tag":
                what, own = ["verify-tag", tag], run_git(repository.folder, ["cat-file", "tag", tag])
                if run_git(repository.folder, ["rev-parse", f"{tag}^{{commit}}"]).decode().strip() != commit:
                    raise GitError("the tag moved while it was being verified")
        run_git(repository.folder, with_settings(settings, what))
    except GitError as error:
        why = f"{ref or commit} is not signed by an allowed signer: {error}"
        raise _bad(name, why, "Update the tap to a signed tag, or correct allowed_signers.") from None
    if own is None:
        return False
    asked, signed = str(ref).removeprefix(_TAGS), _own_name(own)
    if signed != asked:
        why = f"the tag {asked} is signed as {signed or 'a tag of no name'}: somebody shows it under another name"
        raise _bad(name, why, "Ask the tap's maintainers for a tag of that name, or set ref to the name it is signed as.", "TAP-003")
    return True


def _own_name(tag: bytes) -> str | None:
    """The name in a tag's head; ``git`` puts it behind the object and its type, and what follows an empty line is free text."""
    head = tag.partition(b"\n\n")[0].decode("utf-8", "replace").split("\n")
    names = [line.removeprefix("tag ") for line in head if line.startswith("tag ")]
    return names[0] if len(names) == 1 else None


def _time(repository: Repository, name: str, commit: str) -> int:
    try:
        head = run_git(repository.folder, ["cat-file", "commit", commit]).partition(b"\n\n")[0]
    except GitError as error:
        raise _bad(name, f"commit {commit} cannot be read: {error}") from None
    match = re.search(rb"(?m)^committer .*> (\d{1,11}) [-+]\d+$", head)
    return int(match.group(1)) if match else 0


def _remember(repository: Repository, name: str, signed: bool, look: Look) -> list[Finding]:
    """Compares with what was seen before, and notes what is seen now: the commit of each tag, the newest of all tags, of each branch."""
    ref = str(look.ref)
    is_tag = ref.startswith(_TAGS)
    place = f"tap {name}"
    key = key_of(repository.key, name)
    with repository.cache.lock(f"taps-{key}"):
        known = repository.cache.read("taps", key) or {}
        seen, newest = _entries(known.get("seen")), _entries(known.get("newest"))
        before = seen.get(ref)
        if is_tag and before is not None and before["commit"] != look.commit:
            tag = ref.removeprefix(_TAGS)
            raise _bad(name, f"the tag {tag} led to {before['commit']}, now it leads to {look.commit}", _REMEDY, "TAP-003")
        line = _TAGS if is_tag else ref
        latest = newest.get(line)
        findings = []
        if latest is not None and latest["commit"] != look.commit and look.time < latest["time"]:
            newer = Look(str(latest["commit"]), str(latest["ref"]), latest["time"], False)
            why = f"{_short(ref)} leads to {look.shown}; {_short(str(newer.ref))} led to {newer.shown}, which is newer, before"
            if signed and not look.named:
                # Whoever holds the server chooses among all that was ever signed.
                raise _bad(name, why, _REMEDY, "TAP-003")
            findings.append(finding("TAP-003", place, why, "If that was your choice, nothing; else look for a newer ref.", WARNING))
        else:
            newest[line] = {"commit": look.commit, "time": look.time, "ref": ref}
        seen[ref] = {"commit": look.commit, "time": look.time}
        if (known.get("seen"), known.get("newest")) != (seen, newest):
            repository.cache.write("taps", key, {"seen": seen, "newest": newest, "url": repository.url.url})
    return findings


def _entries(recorded: Any) -> dict[str, dict[str, Any]]:
    """A record of ours; a damaged one counts as none."""
    if not isinstance(recorded, Mapping):
        return {}
    return {
        str(ref): dict(entry)
        for ref, entry in recorded.items()
        if isinstance(entry, Mapping) and isinstance(entry.get("commit"), str) and isinstance(entry.get("time"), int)
    }


def _short(ref: str) -> str:
    return ref.removeprefix(_TAGS).removeprefix("refs/heads/")


def _bad(name: str, why: str, remedy: str | None = None, rule: str = "TAP-001") -> InputError:
    return InputError(f"tap {name}: {why}", [finding(rule, f"tap {name}", why, remedy)])
