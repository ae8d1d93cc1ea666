# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of an instance's backups in other repositories: where they are, and the files on the host by which they are reached.

What is secret is in memory as the password of the repository itself is, and in no argument and no environment: restic and ssh get paths.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import HostError
from ..common.findings import Finding
from ..common.names import is_name
from ..common.records import Odd, Record, flag, item, many, one_of, text
from ..common.rules import finding
from ..instance.store import InstanceStore
from ..system import files
from . import backends
from .backends import CA, KNOWN_HOSTS, PASSWORD, REST, S3, SECRET, SFTP

HERE, ELSEWHERE = "here", "elsewhere"
# As a person knows them.
VARIABLE = "avs_backup_copies"
FILES = (PASSWORD, SECRET, KNOWN_HOSTS, CA)
_FIELDS = ("name", "repository", "prune", "user", "region", *FILES)
# As a module takes them.
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "name": {"type": "str", "required": True},
    "repository": {"type": "str", "required": True},
    "prune": {"type": "str", "choices": [HERE, ELSEWHERE], "default": HERE},
    "user": {"type": "str"},
    "region": {"type": "str"},
    PASSWORD: {"type": "raw", "no_log": True},
    SECRET: {"type": "raw", "no_log": True},
    KNOWN_HOSTS: {"type": "str"},
    CA: {"type": "str"},
}
_LONGEST = 65_536
_MANY = 10


def _called(value: Any) -> Any:
    if not is_name(text(value)):
        raise Odd("is no name")
    return value


def _addressed(value: Any) -> Any:
    try:
        backends.address_of(value)
    except ValueError as error:
        raise Odd(str(error)) from None
    return value


class Copy(Record, loose=True):
    """``repository``: an address, below which each instance has one of its own; ``prune``: who removes what is no longer kept;
    ``needs``: files it cannot do without; ``made``: it was there once, so that one that is gone is no reason to begin anew."""

    name: str = item(_called)
    repository: str = item(_addressed)
    prune: str = item(one_of(HERE, ELSEWHERE), default=HERE)
    user: str = item(text, default="")
    region: str = item(text, default="")
    needs: Sequence[str] = item(many(one_of(*FILES)), default=())
    made: bool = item(flag, default=False)

    @property
    def kind(self) -> str:
        return backends.address_of(self.repository).kind


@dataclass(frozen=True)
class Given:
    """A copy as an inventory gives it. ``contents``: of its files; ``whole``: what is secret was sent."""

    copy: Copy
    contents: Mapping[str, str] = field(repr=False)
    whole: bool = True


def given(entries: Any, check: bool = False) -> list[Given] | None:
    """What a module is given, ``None`` where it is given nothing. With ``check`` secrets are not sent, and not missed. Raises ``HostError``
    (INV-001) with every problem."""
    if entries is None:
        return None
    if not isinstance(entries, (list, tuple)) or len(entries) > _MANY:
        raise _odd([_problem(VARIABLE, f"is no list of at most {_MANY}", "Write - name: and repository: below it.")])
    problems: list[Finding] = []
    found = []
    for number, entry in enumerate(entries):
        place = f"{VARIABLE}[{number}]"
        own = _problems(entry, place, check)
        problems += own
        if not own:
            found.append(_given({name: value for name, value in entry.items() if value}, not check))
    names = [one.copy.name for one in found]
    problems += [
        _problem(f"{VARIABLE}: {name}", "is the name of several", "Give each a name of its own.")
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
    if problems:
        raise _odd(problems)
    return found


def _given(entry: Mapping[str, str], whole: bool) -> Given:
    contents = {name: entry[name] for name in FILES if name in entry}
    words: dict[str, Any] = {name: entry[name] for name in ("name", "repository", "prune", "user", "region") if name in entry}
    return Given(Copy(**words, needs=tuple(name for name in FILES if name in contents)), contents, whole)


def _problems(entry: Any, place: str, check: bool) -> list[Finding]:
    if not isinstance(entry, Mapping):
        return [_problem(place, "is no mapping", "Write name and repository below it.")]
    odd = sorted(str(name) for name, value in entry.items() if value is not None and (name not in _FIELDS or not isinstance(value, str)))
    if odd:
        return [_problem(f"{place}.{name}", "is not known here, or is no text", f"Fields are {', '.join(_FIELDS)}.") for name in odd]
    found = []
    if not is_name(entry.get("name")):
        found.append(_problem(f"{place}.name", "is no name ([a-z0-9][a-z0-9-]*)", "Give it one, by which it is called."))
    if entry.get("prune") not in (None, "", HERE, ELSEWHERE):
        found.append(_problem(f"{place}.prune", f"is neither {HERE} nor {ELSEWHERE}", f"Write one of them, or leave it out ({HERE})."))
    try:
        address = backends.address_of(entry.get("repository"))
    except ValueError as error:
        return [*found, _problem(f"{place}.repository", str(error), "See docs/backup.md, Copies elsewhere.")]
    kind = backends.KINDS[address.kind]
    have = {name for name, value in entry.items() if value} - {"name", "repository", "prune", PASSWORD}
    missing = [name for name in kind.needs if name not in have and not (check and name == SECRET)]
    more = sorted(have - {*kind.needs, *kind.takes})
    if address.kind == REST and ("user" in have) != (SECRET in have) and not check:
        missing.append(SECRET if "user" in have else "user")
    found += [_problem(f"{place}.{name}", f"is missing, and needed for {address.kind}:", "Add it.") for name in missing]
    found += [_problem(f"{place}.{name}", f"has no meaning for {address.kind}:", "Remove it.") for name in more]
    return found + _ill_formed(entry, place, address.kind)


def _ill_formed(entry: Mapping[str, Any], place: str, kind: str) -> list[Finding]:
    """Values that would be read as something else where they are written to."""
    line = re.compile(r"\S(?:[^\r\n]*\S)?")
    # In the file of S3 a ` ends what is quoted, and %( names another value of it.
    word = re.compile(r"(?:(?!%\()[!-_a-~])+")
    checks = {"user": word if kind == S3 else re.compile(r"[!-~]+"), "region": re.compile(r"[a-z0-9-]+"), PASSWORD: line}
    if kind in (S3, REST):
        checks[SECRET] = word if kind == S3 else line
    wrong = [name for name, form in checks.items() if entry.get(name) and not form.fullmatch(entry[name])]
    wrong += [name for name in FILES if len(entry.get(name) or "") > _LONGEST or "\0" in (entry.get(name) or "")]
    also = ", or has ` or %( in it" if kind == S3 else ""
    message = f"is not one line without white space at its ends, or too long{also}"
    return [_problem(f"{place}.{name}", message, "Correct it.") for name in wrong]


def _problem(place: str, message: str, remedy: str) -> Finding:
    return finding("INV-001", place, message, remedy)


def _odd(problems: Sequence[Finding]) -> HostError:
    return HostError(f"{VARIABLE} is not as it should be", problems)


def wanted(known: Sequence[Copy], entries: Sequence[Given] | None) -> tuple[Copy, ...]:
    """What is asked for, and else what the host keeps; of either, whether it was there once."""
    if entries is None:
        return tuple(known)
    before = {(one.name, one.repository): one for one in known}
    return tuple(_wanted(one, before.get((one.copy.name, one.copy.repository))) for one in entries)


def _wanted(one: Given, before: Copy | None) -> Copy:
    if before is None:
        return one.copy
    needs = one.copy.needs if one.whole else before.needs
    # What nobody said is left out, so that two records of the same are the same.
    return one.copy.but(made=True, needs=needs) if before.made else one.copy.but(needs=needs)


def with_made(known: Sequence[Copy], name: str) -> tuple[Copy, ...]:
    """The same, of which the one of that name was there."""
    return tuple(one.but(made=True) if one.name == name else one for one in known)


def folder(own: InstanceStore, name: str) -> str:
    return os.path.join(own.run, "backup", "copies", name)


def keep(own: InstanceStore, entries: Sequence[Given]) -> None:
    """Write the files of each, in memory; those of others go."""
    own.make_run()
    above = os.path.dirname(folder(own, "x"))
    files.own_folder(os.path.dirname(above), 0o700)
    files.own_folder(above, 0o700)
    for name in set(os.listdir(above)) - {one.copy.name for one in entries}:
        files.remove(os.path.join(above, name))
    for one in entries:
        files.own_folder(folder(own, one.copy.name), 0o700)
        for name, content in _written(own, one).items():
            files.write(os.path.join(folder(own, one.copy.name), name), content.encode())


def stale(own: InstanceStore, entries: Sequence[Given]) -> bool:
    """Whether a file of theirs is another one in memory, or none."""
    for one in entries:
        for name, content in _written(own, one).items():
            try:
                if files.read(os.path.join(folder(own, one.copy.name), name)) != content.encode():
                    return True
            except OSError:
                return True
    return False


def _written(own: InstanceStore, one: Given) -> dict[str, str]:
    """Files as restic and ssh read them."""
    # Settings are read by runs that have nothing to copy, too.
    from urllib.parse import quote

    address = backends.address_of(one.copy.repository)
    # ssh takes a key without its last newline for none.
    found = {name: content if name == PASSWORD else content.rstrip("\n") + "\n" for name, content in one.contents.items()}
    if address.kind == S3:
        keys = f"aws_access_key_id = {_quoted(one.copy.user)}\naws_secret_access_key = {_quoted(one.contents[SECRET])}\n"
        found[SECRET] = f"[default]\n{keys}"
    if address.kind == REST and SECRET in found:
        login = f"{quote(one.copy.user, safe='')}:{quote(one.contents[SECRET], safe='')}"
        found[SECRET] = address.below(own.id).replace("://", f"://{login}@", 1)
    return found


def _quoted(value: str) -> str:
    """As the file of S3 is read: there # and ; begin a comment, quotes around a value are none of it, and a last stroke joins lines."""
    return f"`{value}`" if re.search(r"[#;\"'\\]", value) else value


def missing(own: InstanceStore, copy: Copy) -> list[str]:
    """Files it needs that are not there: they are gone since the host was started."""
    return [name for name in copy.needs if not files.is_file(os.path.join(folder(own, copy.name), name))]


def ssh_words(own: InstanceStore, copy: Copy) -> list[str]:
    """The command that speaks sftp: by this key and to a server that is known, and by nothing the host's users have."""
    address = backends.address_of(copy.repository)
    place = folder(own, copy.name)
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": os.path.join(place, KNOWN_HOSTS),
        "GlobalKnownHostsFile": "/dev/null",
        "UpdateHostKeys": "no",
        "IdentityFile": os.path.join(place, SECRET),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "ClearAllForwardings": "yes",
        "ConnectTimeout": "30",
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "8",
    }
    words = ["/usr/bin/ssh", "-F", "none", "-T", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    words += ["-p", address.port] if address.port else []
    words += ["-l", address.user] if address.user else []
    return [*words, "-s", address.host, SFTP]
