# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bringing the whole lab up and taking it down."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from . import apt, base, containers, engine, hosts, images, inventory, keys, network, registry, services, tap, trust, vault, vm, vm_image
from .errors import LabError
from .hosts import Host
from .paths import LABEL, Lab
from .shell import run, say


@contextmanager
def exclusive(lab: Lab) -> Iterator[None]:
    """One `up` or `down` at a time."""
    lab.prepare()
    with (lab.root / ".lab" / "cache" / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another `up` or `down` of this lab runs: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def up(lab: Lab, fleet: Sequence[Host], *, with_vm: bool = False) -> None:
    """Leave with exactly ``fleet``, the emulated machine where asked, and all services running, and the inventory written."""
    with exclusive(lab):
        _up(lab, fleet, with_vm)


def _up(lab: Lab, fleet: Sequence[Host], with_vm: bool, fresh: Sequence[Host] | None = None) -> None:
    """``fresh``: the hosts that are not there yet; the others may be in use, down for a test, too, and are left as they are."""
    machine = apt.read_machine()
    booting = fleet if fresh is None else fresh
    if with_vm:
        # Before anything is started: where it cannot be had, nothing is.
        vm.tools(machine)
    engine.ensure(lab, machine)
    _refuse_foreign(lab)
    bridge = network.ensure(lab)
    trust.authority(lab)
    keys.operator(lab)
    suites = {services.SUITE, *([vm_image.SUITE] if with_vm else []), *(host.suite for host in booting)}
    with ThreadPoolExecutor(max_workers=8) as pool:
        bases = {suite: pool.submit(base.ensure, lab, machine, suite) for suite in suites}
        serves = fresh is not None and services.up(lab)
        serving = pool.submit(lambda: None if serves else _serve(lab, bridge, bases[services.SUITE].result()))
        flavoured = {
            (suite, kind): pool.submit(_image, machine, bases[suite], suite, kind) for suite, kind in {host.flavour for host in booting}
        }
        for surplus in set(hosts.running(lab)) - set(fleet):
            containers.remove(lab, surplus.name(lab))
        emulated = [pool.submit(_emulate, lab, bridge, bases[vm_image.SUITE])] if with_vm else []
        if not with_vm:
            vm.remove(lab)
        built = {flavour: image.result() for flavour, image in flavoured.items()}
        boots = [pool.submit(hosts.ensure, lab, bridge, host, built[host.flavour]) for host in booting]
        for step in (serving, *boots, *emulated):
            step.result()
    inventory.write(lab, bridge, fleet, machine=with_vm)
    say(f"up: {len(fleet)} hosts{' and a machine' if with_vm else ''} in .lab/inventory.yml")


def _image(machine: apt.Machine | None, base_image: Future[str], suite: str, kind: str) -> str:
    return hosts.image(machine, base_image.result(), suite, kind)


def _emulate(lab: Lab, bridge: network.Bridge, base_image: Future[str]) -> None:
    vm.ensure(lab, bridge, base_image.result())


def _present(lab: Lab) -> list[Host]:
    return hosts.running(lab) if engine.answers() else []


def add(lab: Lab, suite: str, kind: str, apart: bool) -> Host:
    """One more host beside those that run, with an engine of ``kind``; `up` takes it away again."""
    # What runs is looked at under the lock: others may add and remove at the same time.
    with exclusive(lab):
        present = _present(lab)
        host = Host(max((one.number for one in present), default=0) + 1, suite, kind, apart)
        _up(lab, [*present, host], vm.present(lab), [host])
    return host


def add_vm(lab: Lab) -> None:
    """The emulated machine beside the hosts that run."""
    with exclusive(lab):
        _up(lab, _present(lab), with_vm=True, fresh=[])


def remove(lab: Lab, name: str) -> None:
    """Take one host, or the emulated machine, away."""
    with exclusive(lab):
        fleet = [host for host in hosts.running(lab) if host.name(lab) != name]
        _up(lab, fleet, vm.present(lab) and name != vm.name(lab), [])


def reboot(lab: Lab, name: str) -> None:
    """Restart one host and wait for it."""
    bridge = network.find(lab)
    if bridge and name == vm.name(lab):
        vm.reboot(lab, bridge)
        return
    for host in hosts.running(lab):
        if bridge and host.name(lab) == name:
            hosts.reboot(lab, bridge, host)
            return
    raise LabError(f"{name} is no host of this lab")


def _serve(lab: Lab, bridge: network.Bridge, base_image: str) -> None:
    image = services.image(base_image)
    with ThreadPoolExecutor(max_workers=4) as pool:
        serving = pool.submit(registry.ensure, lab, bridge, image)
        steps = [pool.submit(part, lab, bridge, image) for part in (vault.ensure, services.ensure_git, services.ensure_artifacts)]
        tap.publish(lab, bridge)
        serving.result()
        images.ensure(lab, bridge, base_image, image)
        for step in steps:
            step.result()


def refresh(lab: Lab, *, build_images: bool, publish_tap: bool) -> None:
    """Bring images or tap of a running lab to what ``examples/`` holds now."""
    with exclusive(lab):
        bridge = network.find(lab) if engine.answers() else None
        if bridge is None:
            raise LabError("the lab is down: run `up` first")
        machine = apt.read_machine()
        if publish_tap:
            tap.publish(lab, bridge)
        if build_images:
            base_image = base.ensure(lab, machine, services.SUITE)
            images.ensure(lab, bridge, base_image, services.image(base_image))


def _refuse_foreign(lab: Lab) -> None:
    for state in containers.every(lab):
        root = state["Config"]["Labels"].get(f"{LABEL}.root")
        if root != str(lab.root):
            raise LabError(
                f"a lab called {lab.name} of the checkout {root} is up: run `make lab-down` there, or set AVS_LAB_NAME to run a second lab"
            )


def down(lab: Lab, *, purge: bool) -> None:
    """Remove what the lab made; ``purge`` removes the images, caches and the borrowed apt source, too."""
    with exclusive(lab):
        if purge and not engine.answers() and engine.installed():
            # Images can only be removed by an engine that runs.
            engine.ensure(lab, apt.read_machine())
        if engine.answers():
            _refuse_foreign(lab)
        if vm.remove(lab):
            say("down: removed the machine")
        if engine.answers():
            mine = ["--filter", f"label={LABEL}.name={lab.name}"]
            found = run(["docker", "ps", "--all", "--quiet", *mine]).stdout.split()
            if found:
                run(["docker", "rm", "--force", "--volumes", *found])
            for kind in ("volume", "network"):
                names = run(["docker", kind, "ls", "--quiet", *mine]).stdout.split()
                if names:
                    run(["docker", kind, "rm", *names])
            if purge:
                # An image another lab's container runs on stays: the engine refuses.
                for image in run(["docker", "image", "ls", "--quiet", "--filter", f"label={LABEL}=1"]).stdout.split():
                    run(["docker", "image", "rm", "--force", image], check=False)
                if engine.started_here(lab):
                    run(["docker", "builder", "prune", "--force"])
            say(f"down: removed {len(found)} containers")
        engine.stop(lab)
        if purge:
            apt.forget_next()
        kept = set() if purge else {lab.cache}
        if engine.started_here(lab):
            kept |= {engine.pidfile(lab), engine.logfile(lab)}
        for entry in set(lab.home.iterdir()) - kept:
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
