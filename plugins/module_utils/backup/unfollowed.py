# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders that containers write to while they are read: seen through mounts of their own, on which the kernel follows no link, opens no
device and writes nothing.

restic goes by paths. A folder that has a link put in its place, between two looks at it, would lead it to files of the host, which the node
gets with the next restore. Whoever reads is in a mount namespace of its own; the paths stay as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

# Folders, up to the command that is to see them so. By the kernel's own call: older programs know no word for it, and an older kernel takes
# no notice of it, which is seen afterwards. Mounts below come along, and are seen in the same way.
_SEE = """
import ctypes, os, signal, sys

BIND, REC, REMOUNT = 4096, 16384, 32
# Read-only, no set-id, no devices, no programs, no links.
KEPT = 1 | 2 | 4 | 8 | 256
SEEN = 0x2000 | 4 | 1
libc = ctypes.CDLL(None, use_errno=True)


def mount(source, target, flags):
    if libc.mount(source, target, None, ctypes.c_ulong(flags), None):
        end(f"{os.fsdecode(target)} cannot be seen apart: {os.strerror(ctypes.get_errno())}")


def end(why):
    print(f"apart: {why}", file=sys.stderr)
    sys.exit(125)


def below(root):
    with open("/proc/self/mountinfo", "rb") as lines:
        found = [line.split()[4] for line in lines]
    for place in found:
        for code, byte in ((b"\\\\040", b" "), (b"\\\\011", b"\\t"), (b"\\\\012", b"\\n"), (b"\\\\134", b"\\\\")):
            place = place.replace(code, byte)
        if place == root or place.startswith(root + b"/"):
            yield place


cut = sys.argv.index("--")
for root in map(os.fsencode, sys.argv[1:cut]):
    mount(root, root, BIND | REC)
    for place in dict.fromkeys([root, *below(root)]):
        mount(None, place, REMOUNT | BIND | KEPT)
        if os.statvfs(place).f_flag & SEEN != SEEN:
            end("this kernel cannot be kept from following links (5.10 can)")
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.execv(sys.argv[cut + 1], sys.argv[cut + 1:])
"""


def seen(folders: Iterable[str]) -> list[str]:
    """What stands before a command, given by its whole path, that is to read these folders so. Where it cannot be done the command is not
    run: then it ends with 125, and says ``apart: ...``."""
    found = list(dict.fromkeys(folders))
    program = sys.executable or "/usr/bin/python3"
    return ["unshare", "--mount", "--propagation", "private", program, "-I", "-S", "-c", _SEE, *found, "--"] if found else []
