# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program that reads a stranger's files, alone with them: what it may see, how much it may use, and who it is.

It runs in namespaces of its own (mounts, processes, network, IPC) below a root that holds the program, the libraries it is linked
with and one folder, all read-only, as a user nobody else is. There is no ``/proc``, no ``/dev`` and no network in there. All of it is
made by coreutils and util-linux (2.37 has every option used), which a supported host has.
"""

from __future__ import annotations

import re
import secrets
import signal
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Bytes. Compose needs 70 MiB of data for a small package; Go reserves more addresses than it ever uses.
DATA = 512 << 20
_ADDRESSES = 8 << 30
# Bytes of output and messages together; a resolved model of the biggest real package is far below one MiB.
OUTPUT = 16 << 20
_MESSAGES = 64 << 10
# Threads of its user, open files, seconds on a processor and in all.
_TASKS, _FILES = 128, 256
_PROCESSOR = 8
PATIENCE = 30
# Above what systemd, shadow, container engines and directory services give away (systemd.io/UIDS-GIDS).
_STRANGERS = range(0x7F000000, 0x7FFFFFFE)
# What systemd leaves unused below 65536: the choice where this machine is itself a container with few ids.
_FEW = range(60578, 61184)
_SAME = "/usr/bin:/bin:/usr/sbin:/sbin"
# The file size is there for what is no output: the room itself is full before.
_LIMITS = (
    f"--data={DATA}",
    f"--as={_ADDRESSES}",
    f"--nproc={_TASKS}",
    f"--nofile={_FILES}",
    f"--fsize={2 * OUTPUT}",
    f"--cpu={_PROCESSOR}",
    "--core=0",
)
_NAMESPACES = ("--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child", "--propagation", "slave")

# $1: an empty folder of ours; $2: the program; $3: the loader it names, or nothing; $4: the folder it reads; $5: the mark of the last
# line; the rest: the command. Nothing of a package is part of this text, and its folder's path is ours.
_SCRIPT = r"""
set -eu
umask 022
room=$1 program=$2 loader=$3 folder=$4 mark=$5
shift 5
mount -t tmpfs -o "size=SIZE,nr_inodes=1k,mode=0755,nosuid,nodev,noexec" avs-confined "$room"
show() {
    [ ! -e "$room/root$2" ] || return 0
    mkdir -p "$room/root${2%/*}"
    if [ -d "$1" ]; then mkdir "$room/root$2"; else : > "$room/root$2"; fi
    mount --bind -o "ro,nosuid,nodev$3" "$1" "$room/root$2"
}
show "$program" /program ""
show "$folder" "$folder" ",noexec"
if [ -n "$loader" ]; then
    show "$loader" "$loader" ""
    "$loader" --list "$program" | while read -r name arrow path _; do
        case $arrow$name in "=>"*) show "$path" "$path" "" ;; */*) show "$name" "$name" "" ;; esac
    done
fi
code=0
"$@" < /dev/null > "$room/out" 2> "$room/err" || code=$?
cat "$room/out"
head -c MESSAGES "$room/err" >&2
full=no
[ "$(stat -f -c %a "$room")" -gt 0 ] || full=yes
printf '\n%s %s %s\n' "$mark" "$code" "$full" >&2
""".replace("SIZE", str(OUTPUT)).replace("MESSAGES", str(_MESSAGES))


@dataclass(frozen=True)
class Cell:
    """``folder``: all that can be read, under its own path. ``room``: an empty folder of ours outside of it, to build in."""

    folder: str
    room: str


@dataclass(frozen=True)
class Confined:
    """A command line, and the mark by which its end is known."""

    line: list[str]
    mark: str

    def outcome(self, messages: str) -> tuple[int, str, bool] | None:
        """Exit code, messages and whether the output was cut; ``None`` where the program never came to its end in there."""
        before, _newline, last = messages.rstrip("\n").rpartition("\n")
        mark, *words = last.split(" ") if last else [""]
        if mark != self.mark or len(words) != 2:
            return None
        return int(words[0]), before, words[1] == "yes"


def confine(program: str, arguments: Sequence[str], environment: Mapping[str, str], cell: Cell, user: int) -> Confined:
    """How to run ``program`` (an absolute path) in a cell as ``user``. Raises ``OSError`` where it cannot be read."""
    mark = secrets.token_hex(16)
    root = f"{cell.room}/root"
    inside = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in environment.items())]
    # Numbers with a plus sign are taken as they are, without a look into any directory of users.
    inside += ["/usr/sbin/chroot", f"--userspec=+{user}:+{user}", "--groups=", root, "/program", *arguments]
    command = ["/usr/bin/prlimit", *_LIMITS, "/usr/bin/setpriv", "--no-new-privs", *inside]
    line = ["/usr/bin/env", "-i", f"PATH={_SAME}", "LC_ALL=C", "/usr/bin/timeout", "--signal=KILL", str(PATIENCE)]
    line += ["/usr/bin/unshare", *_NAMESPACES, "/bin/sh", "-c", _SCRIPT, "sh"]
    return Confined([*line, cell.room, program, loader(program), cell.folder, mark, *command], mark)


def never_began(code: int, messages: str) -> bool:
    """Whether it was one of the tools before the program that failed: a limit, a user or a program this machine does not have."""
    return code in (1, 125, 126, 127) and re.match(r"(/\S+/)?(prlimit|setpriv|env|chroot): ", messages) is not None


def exceeded(code: int, messages: str, full: bool) -> str:
    """Which bound a confined program went beyond, in words; empty where it went beyond none."""
    if code == 0:
        return ""
    if full:
        return f"becomes more than {OUTPUT >> 20} MiB of text"
    # What the kernel ends a program with, and what Go says of itself.
    if code in (128 + signal.SIGKILL, 128 + signal.SIGXCPU):
        return f"takes more than {_PROCESSOR} s of a processor"
    if re.search(r"(?m)^(fatal error: .*(out of memory|cannot allocate memory)|runtime: .*(out of memory|errno=12))", messages):
        return f"takes more than {DATA >> 20} MiB of memory"
    return ""


def stranger(uid_map: str) -> int:
    """A user id nobody has. ``uid_map``: the ids this machine has, as ``/proc/self/uid_map`` says it."""
    known = [(int(first), int(count)) for first, _outside, count in (line.split() for line in uid_map.splitlines())]
    for strangers in (_STRANGERS, _FEW):
        if any(first <= strangers.start and strangers.stop <= first + count for first, count in known):
            return strangers.start + secrets.randbelow(len(strangers))
    return _FEW.start


def loader(program: str) -> str:
    """The loader an ELF program asks for, empty where it needs none (or is no ELF program). Raises ``OSError``."""
    with open(program, "rb") as handle:
        head = handle.read(64)
        if head[:6] not in (b"\x7fELF\x02\x01", b"\x7fELF\x01\x01") or len(head) < 64:
            return ""
        wide = head[4] == 2
        start, size, count = struct.unpack_from("<Q", head, 32) + struct.unpack_from("<HH", head, 54) if wide else (
            struct.unpack_from("<I", head, 28) + struct.unpack_from("<HH", head, 42)
        )  # fmt: skip
        handle.seek(start)
        table = handle.read(size * count)
        for number in range(count):
            # PT_INTERP is 3; its text ends with a NUL.
            kind = struct.unpack_from("<I", table, number * size)[0]
            if kind == 3:
                form, at = ("<Q24xQ", 8) if wide else ("<I8xI", 4)
                where, length = struct.unpack_from(form, table, number * size + at)
                handle.seek(where)
                return handle.read(min(length, 4096)).rstrip(b"\0").decode("utf-8", "surrogateescape")
    return ""
