# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy of this library on the host, compiled for the host's Python: the next call needs no module to be built, sent and unpacked."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import stat
import sys
from dataclasses import dataclass

from ..instance import journal
from ..instance.store import Store, host_store
from ..system import files
from ..system.lock import Lock
from .launcher import place_completion, place_launcher

FOLDER = "/usr/local/lib/avs"


@dataclass(frozen=True)
class Places:
    """Where things are put; others only in tests."""

    folder: str = FOLDER
    launcher: str = "/usr/local/sbin/avsctl"
    completion: str = "/usr/local/share/bash-completion/completions/avsctl"


COPY = re.compile(r"avsctl-[0-9a-f]{16}\.pyz")
# Controllers with different versions of the collection may take turns.
_KEPT = 3
# Nothing of the host's but Python's own library, and file names in UTF-8 whatever the login's language.
_OPTIONS = "-ISXutf8"
# The kernel reads no more of a script's first line.
_LONGEST_LINE = 120
# With arguments it serves a person (plugin_utils/avsctl/people.py), by any Python. To a call a Python that was upgraded meanwhile, which
# would compile all of it each time, says that there is no copy, and gets a new one.
_MAIN = """import sys
if len(sys.argv) > 1 or sys.stdin is None or sys.stdin.isatty():
    from avs.plugin_utils.avsctl.people import main
    sys.exit(main(sys.argv[1:]))
if sys.implementation.cache_tag != {tag!r}:
    sys.stdin.buffer.read()
    sys.exit(127)
from avs.plugin_utils.avsctl.main import main
main()
"""


def keep(name: str, archive: str, holder: str, places: Places | None = None) -> None:
    """Make the copy ``name``, which says what is in it, and what starts it for a person. Where it cannot be had, nothing is wrong: it saves
    time, and a person has other ways.

    ``archive``: the sources as the controller packed them (``plugin_utils/remote/copy.py``), a zip archive in base64.
    """
    first_line = f"#!{sys.executable} {_OPTIONS}\n"
    startable = os.path.isabs(sys.executable) and " " not in sys.executable and len(first_line) <= _LONGEST_LINE
    if not startable or not COPY.fullmatch(name):
        return
    places = places or Places()
    # The work is done, and its result still has to be told.
    with contextlib.suppress(Exception), Lock(os.path.join(host_store().locks, "avsctl.lock"), holder, 0):
        files.folder(places.folder)
        if not _is_ours(places.folder):
            return
        files.sweep(places.folder)
        copy = os.path.join(places.folder, name)
        files.write(copy, first_line.encode() + _runnable(base64.b64decode(archive)), mode=0o755)
        _place_for_people(copy, places)
        _prune(places.folder, {name, *_in_use(host_store())})


def put_back(copy: str, holder: str, places: Places | None = None) -> None:
    """What starts the library for a person, where that was taken away, or leads to a copy that was; ``copy``: the one that runs."""
    if COPY.fullmatch(os.path.basename(copy)):
        with contextlib.suppress(Exception), Lock(os.path.join(host_store().locks, "avsctl.lock"), holder, 0):
            _place_for_people(copy, places or Places())


def _place_for_people(copy: str, places: Places) -> None:
    with contextlib.suppress(OSError):
        place_launcher(places.launcher, [_python(), _OPTIONS, copy])
    with contextlib.suppress(OSError):
        place_completion(places.completion, places.launcher)


def _in_use(store: Store) -> set[str]:
    """Copies that a transaction was begun with which is not ended: what ends it may be that very program."""
    return {str(record.get("program")) for instance in store.ids() for record in journal.opened(store.instance(instance))}


def _python() -> str:
    """This interpreter by a name that outlives an upgrade of the distribution, where it has one beside it."""
    plain = os.path.join(os.path.dirname(sys.executable), "python3")
    return plain if os.path.realpath(plain) == os.path.realpath(sys.executable) else sys.executable


def _prune(folder: str, needed: set[str]) -> None:
    """Remove all copies but the newest, and those that are needed whatever their age."""
    for old in _by_age(folder)[_KEPT:]:
        if os.path.basename(old) not in needed:
            files.remove(old)


def _is_ours(folder: str) -> bool:
    """Whether nobody else can put something there that is then run."""
    found = os.lstat(folder)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _runnable(packed: bytes) -> bytes:
    """The sources as a zip archive that Python can run, each with its compiled form beside it."""
    import io
    import zipfile

    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as given, zipfile.ZipFile(content, "w") as out:
        out.writestr(zipfile.ZipInfo("__main__.py"), _MAIN.format(tag=sys.implementation.cache_tag))
        for name in given.namelist():
            source = given.read(name)
            out.writestr(zipfile.ZipInfo(f"avs/{name}"), source)
            out.writestr(zipfile.ZipInfo(f"avs/{name}c"), _compiled(f"avs/{name}", source))
    return content.getvalue()


def _compiled(name: str, source: bytes) -> bytes:
    """As in a ``.pyc`` file that is not checked against its source (PEP 552): the two never change apart."""
    import marshal
    from importlib.util import MAGIC_NUMBER, source_hash

    unchecked = (1).to_bytes(4, "little")
    return MAGIC_NUMBER + unchecked + source_hash(source) + marshal.dumps(compile(source, name, "exec", dont_inherit=True))


def _by_age(folder: str) -> list[str]:
    paths = [os.path.join(folder, name) for name in os.listdir(folder) if COPY.fullmatch(name)]
    return sorted(paths, key=os.path.getmtime, reverse=True)
