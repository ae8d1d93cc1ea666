# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watches processes and short-lived files of the machine it runs on, until its standard input ends. ``sample.py FOLDER...``

Prints ``ready``, then every text it has not seen yet as a JSON line ``[kind, text]``, at the end ``["end", rounds]``. Command
lines are those of all processes, containers' too; an environment is left out where the process has a pid namespace of its
own, because a container's environment may hold a secret (rule KEY-003).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import time
from collections.abc import Iterator

PAUSE = 0.05


def processes() -> Iterator[tuple[str, bytes]]:
    own = os.readlink("/proc/self/ns/pid")
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as handle:
                yield "command line", handle.read()
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{name}/ns/pid") == own:
                    with open(f"/proc/{name}/environ", "rb") as handle:
                        yield "environment", handle.read()


def fresh_files(folders: list[str], known: set[tuple[str, int, int]]) -> Iterator[tuple[str, bytes]]:
    for folder in folders:
        for current, _folders, names in os.walk(folder):
            for name in names:
                path = os.path.join(current, name)
                with contextlib.suppress(OSError):
                    status = os.lstat(path)
                    mark = (path, status.st_mtime_ns, status.st_size)
                    if mark not in known and not os.path.islink(path) and os.path.isfile(path):
                        with open(path, "rb") as handle:
                            yield "file", path.encode() + b"\n" + handle.read()
                        known.add(mark)


def main() -> None:
    seen: set[tuple[str, bytes]] = set()
    known: set[tuple[str, int, int]] = set()
    rounds, due = 0, 0.0
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], due)[0]:
        began = time.monotonic()
        for found in (*processes(), *fresh_files(sys.argv[1:], known)):
            if found not in seen:
                seen.add(found)
                print(json.dumps([found[0], found[1].decode(errors="replace")]), flush=True)
        rounds += 1
        # A machine with many processes is not kept busy by being watched.
        due = max(PAUSE, 2 * (time.monotonic() - began))
    print(json.dumps(["end", rounds]), flush=True)


main()
