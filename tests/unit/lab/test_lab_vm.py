# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated machine: what its disk is known by, how QEMU is called and ended, what the inventory says of it."""

from __future__ import annotations

import dataclasses
import io
import os
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from tests.lab import apt, cli, inventory, keys, vm, vm_image
from tests.lab.containers import File
from tests.lab.errors import LabError
from tests.lab.network import Bridge
from tests.lab.paths import Lab
from tests.lab.vm_qemu import Guest, Process

BRIDGE = Bridge("avs-try", IPv4Network("10.214.0.0/24"))
SLEEPER = ["sleep", "60"]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path, "avs-try")
    made.prepare()
    return made


def guest(folder: Path) -> Guest:
    names = ("vmlinuz", "initrd.img", "disk.qcow2", "files.tar", "console.log")
    return Guest("avs-try-vm", *(folder / name for name in names), tap="tap-1", mac="52:54:00:01:02:03")


def test_the_disk_is_known_by_its_recipes_text() -> None:
    first = vm_image.recipe("base:1")
    changed = [
        vm_image.recipe("base:2"),
        dataclasses.replace(first, dockerfile=f"{first.dockerfile}\n# more\n"),
        dataclasses.replace(first, files=(*first.files, ("etc/motd", "hello"))),
        dataclasses.replace(first, arguments=(*first.arguments, ("MORE", "1"))),
        dataclasses.replace(first, disk=(*first.disk, "-m", "0")),
    ]
    assert first.key == vm_image.recipe("base:1").key
    assert len({first.key, *(recipe.key for recipe in changed)}) == len(changed) + 1


def test_a_disk_in_the_cache_is_not_built_again(lab: Lab) -> None:
    kept = lab.cache / f"vm-{vm_image.recipe('base:1').key}"
    kept.mkdir()
    assert vm_image.ensure(lab, "base:1").disk == kept / "disk.img"


def test_qemu_is_told_all_of_the_guest(tmp_path: Path) -> None:
    command = guest(tmp_path).command()
    assert command[0] == "qemu-system-x86_64"
    pairs = list(zip(command[2::2], command[3::2]))
    assert ("-accel", "tcg,thread=multi") in pairs
    assert ("-m", "3072") in pairs
    assert ("-drive", f"file={tmp_path}/disk.qcow2,format=qcow2,if=virtio") in pairs
    assert ("-drive", f"file={tmp_path}/files.tar,format=raw,if=virtio,readonly=on") in pairs
    assert ("-netdev", "tap,id=lab,ifname=tap-1,script=no,downscript=no") in pairs
    assert "systemd.hostname=avs-try-vm" in dict(pairs)["-append"].split()
    # Nothing of it listens on this machine.
    assert not [word for word in command if "hostfwd" in word or "tcp:" in word or word == "-vnc"]


def test_a_comma_in_a_path_ends_no_option(tmp_path: Path) -> None:
    command = guest(tmp_path / "a,b").command()
    assert f"file={tmp_path}/a,,b/disk.qcow2,format=qcow2,if=virtio" in command


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    started = Process(tmp_path / "pid")
    started.start(SLEEPER, tmp_path / "log")
    yield started
    started.end(SLEEPER, signal.SIGKILL)


def test_the_labs_own_process_is_found_and_ended(process: Process) -> None:
    assert process.running(SLEEPER)
    assert process.end(SLEEPER, signal.SIGKILL)
    assert not process.running(SLEEPER)
    assert not process.pidfile.exists()
    assert not process.end(SLEEPER, signal.SIGKILL)


def test_a_number_that_is_somebody_elses_by_now_is_left_alone(process: Process) -> None:
    other = ["sleep", "61"]
    assert not process.running(other)
    assert not process.end(other, signal.SIGKILL)
    assert process.running(SLEEPER)


@pytest.mark.parametrize("text", ["", "none\n", "4194305\n"])
def test_a_stale_pid_file_is_no_danger(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)
    stale = Process(tmp_path / "pid")
    assert not stale.running([])
    assert not stale.end([], signal.SIGKILL)


def test_a_process_that_ended_unseen_does_not_run(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    # Ended, and reaped by nobody yet.
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    (tmp_path / "pid").write_text(f"{ended.pid}\n")
    assert not Process(tmp_path / "pid").running(["true"])
    ended.wait()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no-such-qemu is not installed"):
        Process(tmp_path / "pid").start(["no-such-qemu"], tmp_path / "log")


def test_the_inventory_has_the_machine_in_a_group_of_its_own(lab: Lab) -> None:
    told = inventory.inventory(lab, BRIDGE, [], machine=True)
    assert told["avs_hosts"]["hosts"] == {}
    assert told["avs_vm"]["hosts"] == {"avs-try-vm": {"ansible_host": "10.214.0.251", "lab_suite": "trixie", "lab_engine": "suite"}}
    assert told["avs_vm"]["vars"]["ansible_ssh_private_key_file"] == str(keys.operator(lab))
    assert "ServerAliveInterval" in told["avs_vm"]["vars"]["ansible_ssh_common_args"]
    assert set(inventory.inventory(lab, BRIDGE, [], machine=False)) == {"avs_hosts"}


def test_what_the_machine_gets_is_what_hosts_have(lab: Lab) -> None:
    files = {file.path: file for file in vm.files(lab, BRIDGE)}
    assert b"10.214.0.10 registry.avs-try.test\n" in files["/etc/hosts"].content
    assert files["/usr/local/share/ca-certificates/avs-lab.crt"].content == (lab.trust / "ca.crt").read_bytes()
    assert files["/etc/docker/certs.d/registry.avs-try.test:5000/ca.crt"].content == (lab.trust / "ca.crt").read_bytes()
    assert files["/etc/ssh/ssh_host_ed25519_key"].mode == 0o600
    assert b"Address=10.214.0.251/24\nGateway=10.214.0.1\n" in files["/etc/systemd/network/10-lab.network"].content


def test_the_archive_is_the_same_for_the_same_files() -> None:
    wanted = [File("/etc/a", b"1", 0o600), File("/etc/b", b"2")]
    archive = vm.packed(wanted)
    assert archive == vm.packed(wanted)
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        assert [(entry.name, entry.mode, entry.uid) for entry in packed] == [("etc/a", 0o600, 0), ("etc/b", 0o644, 0)]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["nameserver 192.0.2.1\n"], "nameserver 192.0.2.1\n"),
        (["# mine\nnameserver 127.0.0.53\nsearch here\n", "nameserver 192.0.2.2\nsearch there\n"], "nameserver 192.0.2.2\nsearch there\n"),
        (["nameserver 127.0.0.1\nnameserver ::1\n"], ""),
        (["nameserver fe80::1%eth0\noptions edns0\n"], "nameserver fe80::1%eth0\noptions edns0\n"),
        ([], ""),
    ],
)
def test_resolvers_on_this_machines_loopback_are_of_no_use_to_another(texts: list[str], told: str) -> None:
    assert vm.resolvers(*texts) == told


def test_where_qemu_cannot_be_had_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_machine: apt.Machine, packages: tuple[str, ...]) -> None:
        raise LabError(f"apt-get install {' '.join(packages)}: exit 100")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(vm, "TUN", tmp_path)
    monkeypatch.setattr(vm.shutil, "which", lambda _program: None)
    monkeypatch.setattr(apt, "install", refuse)
    with pytest.raises(LabError, match=r"cannot emulate another one \(up --vm\): QEMU .* is missing"):
        vm.tools(None)
    with pytest.raises(LabError, match=r"cannot emulate another one \(up --vm\): apt-get install qemu-system-x86 .*exit 100"):
        vm.tools(apt.Machine("trixie", (), "", ()))
    monkeypatch.setattr(vm, "TUN", tmp_path / "tun")
    with pytest.raises(LabError, match=r"there is no .*/tun; load the kernel module tun"):
        vm.tools(None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="root is needed"):
        vm.tools(None)


def test_a_machine_that_was_never_made_is_told_of(lab: Lab) -> None:
    assert not vm.present(lab)
    assert not vm.remove(lab)
    with pytest.raises(LabError, match="run `up --vm`"):
        vm.start(lab)


@pytest.mark.parametrize(("words", "wanted"), [([], (None, False)), (["--vm"], (None, True)), (["--vm", "--hosts", "2"], (2, True))])
def test_the_command_line_asks_for_it(words: list[str], wanted: tuple[int | None, bool]) -> None:
    options = cli.parser().parse_args(["up", *words])
    assert (options.hosts, options.vm) == wanted
