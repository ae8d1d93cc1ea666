# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``AnsibleModule.run_command`` where there is no module."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any


def run_command(args: list[str], *, cwd: str, pass_fds: Sequence[int], **_options: Any) -> tuple[int, bytes, bytes]:
    """Exit code, output and messages of a command that gets no input. Raises ``OSError`` where it cannot be started."""
    done = subprocess.run(args, cwd=cwd, pass_fds=pass_fds, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout, done.stderr
