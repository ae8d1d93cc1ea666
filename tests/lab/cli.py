# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line of the lab: ``python -m tests.lab {up,down,status,shell,logs,...}``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from . import fleet, hosts, status, vm
from .errors import LabError
from .hosts import Host
from .paths import this_lab


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = whole.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start hosts, registry, git tap, artifacts and vault; again: start what is missing")
    up.add_argument("--hosts", type=int, metavar="N", help="number of hosts (default 2; none with --vm)")
    up.add_argument("--suite", choices=hosts.SUITES, default="trixie", help="Debian suite of the hosts (default trixie)")
    up.add_argument("--vm", action="store_true", help="an emulated machine with a kernel of its own as well")
    _engine_of(up)
    add = commands.add_parser("add", help="one more host; prints its name")
    add.add_argument("--suite", choices=hosts.SUITES, default="trixie")
    add.add_argument("--vm", action="store_true", help="not a host, but the emulated machine, beside the hosts that run")
    add.add_argument("--apart", action="store_true", help="in .lab/apart.yml, not in the inventory of the lab")
    _engine_of(add)
    remove = commands.add_parser("remove", help="take one host away")
    remove.add_argument("host")
    reboot = commands.add_parser("reboot", help="restart one host; what it had on tmpfs is gone")
    reboot.add_argument("host")
    down = commands.add_parser("down", help="remove everything the lab made, keep caches")
    down.add_argument("--purge", action="store_true", help="remove caches, images and the apt source, too")
    commands.add_parser("images", help="build, push and sign what examples/images/images.yml lists")
    commands.add_parser("publish", help="bring git repositories, tap and artifacts to what examples/ holds")
    commands.add_parser("status", help="what runs, and where")
    shell = commands.add_parser("shell", help="a shell, or a command, on a host")
    shell.add_argument("host")
    shell.add_argument("rest", nargs=argparse.REMAINDER, metavar="command")
    logs = commands.add_parser("logs", help="what a part said: engine, registry, vault, git, artifacts, a host or vm")
    logs.add_argument("what")
    return whole


def _engine_of(command: argparse.ArgumentParser) -> None:
    engine = command.add_mutually_exclusive_group()
    engine.add_argument("--docker", dest="engine", action="store_const", const=hosts.OWN, help="the suite's engine preinstalled (default)")
    engine.add_argument("--no-docker", dest="engine", action="store_const", const=hosts.NONE, help="no engine")
    # The default of an option that is not the first of its destination counts for nothing.
    command.set_defaults(engine=hosts.OWN)
    engine.add_argument(
        "--engine",
        choices=hosts.ENGINES,
        help=f"`{hosts.NEWEST}`: the engine of the suite after this one, with the containerd image store and systemd's cgroup driver",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        lab = this_lab()
        if options.command == "up":
            wanted = options.hosts if options.hosts is not None else 0 if options.vm else 2
            fleet.up(lab, [Host(number, options.suite, options.engine) for number in range(1, wanted + 1)], with_vm=options.vm)
        elif options.command == "add" and options.vm:
            fleet.add_vm(lab)
            print(vm.name(lab))
        elif options.command == "add":
            print(fleet.add(lab, options.suite, options.engine, options.apart).name(lab))
        elif options.command == "remove":
            fleet.remove(lab, status.resolve(lab, options.host))
        elif options.command == "reboot":
            fleet.reboot(lab, status.resolve(lab, options.host))
        elif options.command == "down":
            fleet.down(lab, purge=options.purge)
        elif options.command in ("images", "publish"):
            fleet.refresh(lab, build_images=options.command == "images", publish_tap=options.command == "publish")
        elif options.command == "status":
            print(status.table(lab))
        elif options.command == "shell":
            os.execvp(*status.shell(lab, options.host, options.rest, terminal=sys.stdin.isatty()))
        elif options.command == "logs":
            os.execvp(*status.logs(lab, options.what))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0
