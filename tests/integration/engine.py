# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's engine, and where it gets a newer one from."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.integration.support import Host
from tests.lab import apt


def version(host: Host) -> tuple[int, ...]:
    """Of the engine's daemon, as numbers."""
    return tuple(int(part) for part in re.findall(r"\d+", host.run("docker version --format '{{.Server.Version}}'"))[:3])


def offer_the_next(host: Host, suite: str) -> None:
    """The host's package sources have the engine of the suite after ``suite`` from now on."""
    machine = apt.read_machine()
    if machine is None or suite not in apt.NEWEST:
        pytest.fail(f"an engine newer than that of {suite} comes from a Debian's own archives, which this machine does not have")
    for path, content in apt.next_files(machine, suite, newest=True).items():
        host.run(f"cat > {shlex.quote(path)}", stdin=content)
    host.run("apt-get -q -o DPkg::Lock::Timeout=300 update")
