# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python3 -m demo_avs node`` and ``python3 -m demo_avs gateway``. Exit codes: 0 stopped, 2 usage, 78 settings."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from .config import ConfigError, gateway_config, node_config
from .gateway import Gateway
from .log import LEVELS, Log
from .node import Node

EXIT_USAGE, EXIT_CONFIG = 2, 78


def _node(environ: Mapping[str, str], log: Log) -> Node:
    return Node(node_config(environ), log)


def _gateway(environ: Mapping[str, str], log: Log) -> Gateway:
    return Gateway(gateway_config(environ), log)


SERVICES: Mapping[str, Callable[[Mapping[str, str], Log], Any]] = {"node": _node, "gateway": _gateway}


def serve(make: Callable[[Mapping[str, str], Log], Any], name: str, environ: Mapping[str, str]) -> int:
    """Runs a service until SIGTERM or SIGINT. As PID 1 a process without handlers would ignore both."""
    level = environ.get("LOG_LEVEL", "info")
    log = Log(name, level if level in LEVELS else "info")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    try:
        service = make(environ, log)
        service.start()
    except ConfigError as error:
        log.security("error", "settings_refused", problems=error.problems)
        return EXIT_CONFIG
    except (OSError, ValueError) as error:
        log.security("error", "start_failed", reason=str(error))
        return EXIT_CONFIG
    stop.wait()
    service.stop()
    return 0


def main(argv: Sequence[str]) -> int:
    if len(argv) != 1 or argv[0] not in SERVICES:
        print(f"usage: python3 -m demo_avs {'|'.join(SERVICES)}", file=sys.stderr)
        return EXIT_USAGE
    return serve(SERVICES[argv[0]], argv[0], os.environ)
