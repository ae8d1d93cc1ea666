# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What restic ends with and says, and what that means."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

# Some source could not be read, and there is a snapshot without it all the same.
INCOMPLETE = 3
# What it ends with (0.17 and newer), and what it says (all), and what that means.
_FULL = r"no space left on device|disk quota exceeded"
# Where in its own program it was; of some errors it says that in a line for each call, after what went wrong.
_TRACE = re.compile(r"(?:\S+\.(?:go|s):[0-9]+|(?:main|runtime|[a-z0-9-]+(?:\.[a-z0-9-]+)+/\S+)\.[\w.()*]+)\Z")
_CODES = {10: "missing", 11: "locked", 12: "password"}
_WORDS = (
    (
        "away",
        r"connection (?:refused|reset|timed out)|no such host|no route to host|network is unreachable|i/o timeout|deadline exceeded"
        r"|[Hh]ost key verification failed|[Pp]ermission denied \(|unable to start the sftp session|Could not resolve hostname"
        r"|x509: |server gave HTTP response|AccessDenied|Access Denied|InvalidAccessKeyId|SignatureDoesNotMatch"
        r"|invalid signature|access key ID you provided|HTTP response (?:401|403)|\b40[13] (?:Unauthorized|Forbidden)",
    ),
    ("password", r"wrong password or no key found|an empty password is not a password"),
    ("missing", r"Is there a repository at the following location|unable to open config file"),
    ("locked", r"unable to create lock|repository is already locked"),
    ("apart", r"^(?:apart|unshare): "),
    (
        "damaged",
        r"ciphertext verification failed|repository contains errors|invalid data returned|unexpected file size|Pack ID does not match"
        r"|not found in (?:index|repo)|id .* not found|failed to load|hash mismatch|number of used blobs is larger",
    ),
)
REMEDIES = {
    "away": "Look at the network, and at the address, credentials and known hosts the inventory gives it.",
    "password": "Give the password the repository was made with (docs/backup.md, A lost password).",
    "missing": "Put the repository back, or name another place for it.",
    "locked": "Let whoever uses it end. A lock of a process of this host that is gone goes with the next run; one of another host, or of another"
    " name of this one, stays: where nobody uses it any more, restic -r REPOSITORY unlock (docs/runbooks/backup.md, A lock that stays).",
    "apart": "What runs is read where no link is followed: with Linux 5.10 or newer, as root. Or stop the node, and back it up while it is down.",
    "full": "Make room where the repository is, run again.",
    "damaged": "Keep the repository as it is, look at its disk, and back up to a new one (docs/backup.md, Another place).",
}


def kind_of(code: int, said: str) -> str:
    if code == INCOMPLETE:
        return "incomplete"
    if re.search(_FULL, said):
        # Of a lock that could not be written, too.
        return "full"
    return _CODES.get(code) or next((kind for kind, pattern in _WORDS if re.search(pattern, said)), "other")


def whole(summary: Mapping[str, Any], *names: str) -> list[int] | None:
    """Numbers of a summary, 0 for what it says nothing of; ``None`` where one of them is none."""
    found = [summary.get(name) or 0 for name in names]
    return None if any(not isinstance(one, int) or isinstance(one, bool) or one < 0 for one in found) else found


def listed(value: Any) -> Sequence[Any]:
    """What is no list of a snapshot's has nothing in it."""
    return value if isinstance(value, list) else ()


def last_words(said: str) -> str:
    """What went wrong, in at most three lines of restic's own."""
    lines = []
    for line in said.splitlines():
        with suppress(ValueError, AttributeError):
            line = _message(json.loads(line))
        if line.strip() and not _TRACE.match(line.strip()):
            lines.append(line.strip())
    return "; ".join(lines[-3:])[:1000]


def _message(item: Mapping[str, Any]) -> str:
    """Of a message as JSON: what a person would be told, nothing of progress. Some errors name a call and a path, and no text."""
    if item.get("message_type") == "status":
        return ""
    error = item.get("error") or {}
    text = error.get("message") or " ".join(str(error[name]) for name in ("Op", "Path") if error.get(name)) or item.get("message") or ""
    path = item.get("item")
    return f"{text} ({path})" if path and str(path) not in str(text) else str(text)
