# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to do about words of the engine that say what is wrong, and not how to mend it."""

from __future__ import annotations

import re

_KNOWN = (
    (
        r"unable to find user|unable to find group|no matching entries in (?:passwd|group) file",
        "The image has no such user or group: name one by its number (user under privileges in runtime.yml), or have the package's authors "
        "correct the service or its image.",
    ),
    (
        r"executable file not found|no command specified|exec: .*: no such file or directory",
        "The image has no such program: have the package's authors correct the service's command or entrypoint.",
    ),
    (
        r"non-overlapping IPv4 address pool|predefined address pools have been fully subnetted",
        "The engine has no subnet left for one more network: give it more with docker_daemon_options, for example "
        "{default-address-pools: [{base: 10.201.0.0/16, size: 24}]}, and run site; or remove networks that nobody uses (docker network prune).",
    ),
    (
        r"no space left on device|disk quota exceeded",
        "Make room on the file system of the engine's data (`docker info` names it as Docker Root Dir, `docker system df` shows what is in it), "
        "and run again.",
    ),
    (
        r"port is already allocated|(?:bind|port|listen)\b.*address already in use",
        "Something took the port since it was looked at: `ss -ltnup` on the host names it. Run again once it is free. Where no container that "
        "`docker ps` shows has it, the engine has held it since the power was cut: systemctl restart docker.",
    ),
    (
        # Of an address in a network; what is said of a port stands above.
        r"address already in use",
        "Something in the network has the address: `docker network inspect` shows who. Choose another one for the service in the package, or "
        "leave it to the engine.",
    ),
)


def remedy_for(text: str) -> str | None:
    """The remedy for an error of the engine, ``None`` where its own words are all there is."""
    return next((remedy for pattern, remedy in _KNOWN if re.search(pattern, text, re.IGNORECASE)), None)
