# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runtime and security events as JSON lines on standard output, which is where a container's log driver looks."""

from __future__ import annotations

import json
import sys
import threading
from datetime import datetime, timezone
from typing import TextIO

LEVELS = ("debug", "info", "warning", "error")


class Log:
    """``security=true`` marks what an operator's alerting should see: keys, refused data, bad requests, start and stop.

    Callers pass what may be public: names, ids, addresses, reasons. No caller has a reason to pass a secret.
    """

    def __init__(self, service: str, level: str = "info", stream: TextIO | None = None) -> None:
        self._service = service
        self._floor = LEVELS.index(level)
        self._stream = stream
        self._lock = threading.Lock()

    def event(self, level: str, event: str, **fields: object) -> None:
        if LEVELS.index(level) >= self._floor:
            self._write(level, event, False, fields)

    def security(self, level: str, event: str, **fields: object) -> None:
        """A security event: written whatever the level is set to."""
        self._write(level, event, True, fields)

    def _write(self, level: str, event: str, security: bool, fields: dict[str, object]) -> None:
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "level": level, "service": self._service, "event": event, "security": security, **fields})
        stream = self._stream or sys.stdout
        with self._lock:
            stream.write(line + "\n")
            stream.flush()
