# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken on a host: ports, names and networks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.conflicts import taken
from ansible_collections.restaking.avs.plugins.module_utils.docker.containers import parse_ports
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import PortRecord, State
from ansible_collections.restaking.avs.plugins.module_utils.policy.ports import Published

from tests.unit.support.engines import Told
from tests.unit.support.models import told

# Lines as the kernel prints them: 127.0.0.1:8080, 0.0.0.0:22, an established connection, ::1:631 and [::]:443.
TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   2: 0100007F:AAAA 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
"""
TCP6 = """  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000
   2: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 00000000:00000000
"""
UDP = """   sl  local_address rem_address   st tx_queue rx_queue
  100: 00000000:0035 00000000:0000 07 00000000:00000000
  101: 0100007F:0035 0100007F:1111 01 00000000:00000000
"""


@pytest.fixture
def proc(tmp_path: Path) -> str:
    (tmp_path / "net").mkdir()
    for name, text in (("tcp", TCP), ("tcp6", TCP6), ("udp", UDP)):
        (tmp_path / "net" / name).write_text(text)
    return str(tmp_path)


def test_listening_sockets(proc: str) -> None:
    assert set(taken.listening(proc)) == {
        Published("127.0.0.1", "8080", "tcp"),
        Published("", "22", "tcp"),
        Published("::1", "631", "tcp"),
        Published("", "443", "tcp"),
        Published("127.0.0.1", "81", "tcp"),
        Published("", "53", "udp"),
    }


LINES = "c1\tavs-x-op1-node\t127.0.0.1:8080->8080/tcp, 0.0.0.0:53->53/udp\tx-op1\nc2\tforeign\t0.0.0.0:9000-9001->9000-9001/tcp\t\n"


@pytest.fixture
def host(proc: str) -> taken.Host:
    engine = Told(
        ps=LINES,
        network="avs-x-op1_n\tavs-x-op1\nother\tsomething\navs-x-op2_n\tsomething\n",
        network_inspect=json.dumps(
            [
                {"Name": "avs-x-op1_n", "IPAM": {"Config": [{"Subnet": "10.1.0.0/16"}]}},
                {"Name": "other", "IPAM": {"Config": [{"Subnet": "10.2.0.0/24"}, {"Subnet": "fd00:2::/64"}]}},
                {"Name": "none", "IPAM": {"Config": None}},
            ]
        ),
    )
    states = {
        "y-op1": State(phase="committed", ports=[PortRecord(address="", port="7000", protocol="tcp")]),
        "z-op1": State(phase="absent", ports=[PortRecord(address="", port="7001", protocol="tcp")]),
    }
    return taken.survey(engine, states, proc)


@pytest.mark.parametrize(
    ("port", "holder"),
    [
        (Published("", "22", "tcp"), "a process of the host"),
        (Published("127.0.0.1", "22", "tcp"), "a process of the host"),
        (Published("", "22", "udp"), None),
        (Published("", "8080", "tcp"), "container avs-x-op1-node"),
        (Published("127.0.0.1", "53", "udp"), "container avs-x-op1-node"),
        (Published("", "9001", "tcp"), "container foreign"),
        (Published("", "7000", "tcp"), "instance y-op1"),
        (Published("", "7001", "tcp"), None),
        (Published("10.0.0.9", "8080", "tcp"), None),
        (Published("", "43690", "tcp"), None),
    ],
)
def test_taken_ports(host: taken.Host, port: Published, holder: str | None) -> None:
    found = taken.check(taken.Wanted("x-op2", {}, [port]), host)
    assert [item.message.split("taken by ")[1].split(" (")[0] for item in found] == ([] if holder is None else [holder])


def test_its_own_ports_and_containers_are_in_nobodys_way(host: taken.Host) -> None:
    own = {"services": {"node": {"container_name": "avs-x-op1-node"}}, "networks": {"n": {"name": "avs-x-op1_n"}}}
    assert taken.check(taken.Wanted("x-op1", own, [Published("127.0.0.1", "8080", "tcp")]), host) == []


def test_another_port_is_proposed_where_one_can_be_chosen(host: taken.Host) -> None:
    port = Published("", "22", "tcp")
    (fixed,) = taken.check(taken.Wanted("x-op2", {}, [port]), host)
    (chosen,) = taken.check(taken.Wanted("x-op2", {}, [port], {"22", "other"}), host)
    assert "another port" not in fixed.remedy and "`ports`" in fixed.remedy
    assert chosen.remedy.startswith("Choose another port: an option of the package sets it.")


def test_a_process_on_an_instances_own_port_stands_in_its_way(proc: str) -> None:
    """It was stopped, or never came up, and somebody took its port meanwhile."""
    recorded = [PortRecord(address="", port=number, protocol="tcp") for number in ("22", "7000")]
    states = {"y-op1": State(phase="applying", ports=recorded)}
    host = taken.survey(Told(ps=LINES, network=""), states, proc)
    wanted = [Published("", "22", "tcp"), Published("", "7000", "tcp")]
    assert [item.message for item in taken.check(taken.Wanted("y-op1", {}, wanted), host)] == [
        "0.0.0.0:22/tcp is taken by a process of the host (all addresses)"
    ]
    assert "instance y-op1" in taken.check(taken.Wanted("z-op1", {}, wanted), host)[0].message


@pytest.mark.parametrize(("address", "listens"), [("127.0.0.1", "0100007F"), ("0.0.0.0", "00000000")])
def test_what_the_engine_holds_for_no_container_it_lets_go_once_it_is_restarted(proc: str, address: str, listens: str) -> None:
    """As after a loss of power while it started one (engine 26)."""
    tcp = Path(proc) / "net" / "tcp"
    tcp.write_text(tcp.read_text() + TCP.splitlines()[1].replace("0100007F:1F90", f"{listens}:1B58") + "\n")
    words = [
        "/usr/sbin/docker-proxy",
        "-proto",
        "tcp",
        "-host-ip",
        address,
        "-host-port",
        "7000",
        "-container-ip",
        "172.18.0.2",
        "-container-port",
        "1",
    ]
    for pid, line in (("211", words), ("212", ["/usr/sbin/sshd", "-D"]), ("213", [])):
        (Path(proc) / pid).mkdir()
        (Path(proc) / pid / "cmdline").write_text("\0".join([*line, ""]))
    (Path(proc) / "214").mkdir()
    host = taken.survey(Told(ps=LINES, network=""), {}, proc)
    (found,) = taken.check(taken.Wanted("y-op1", {}, [Published("", "7000", "tcp")], {"7000"}), host)
    assert "taken by the engine, for no container" in found.message and "systemctl restart docker" in found.remedy
    (other,) = taken.check(taken.Wanted("y-op1", {}, [Published("", "22", "tcp")]), host)
    assert "a process of the host" in other.message
    # A container that runs has its port by its own name.
    lines = f"c9\tavs-x-op1-node\t{address}:7000->7000/tcp\tx-op1\n"
    (named,) = taken.check(taken.Wanted("y-op1", {}, [Published("", "7000", "tcp")]), taken.survey(Told(ps=lines, network=""), {}, proc))
    assert "container avs-x-op1-node" in named.message or "c9" in named.message


def test_a_container_that_comes_up_while_we_look_is_no_process(proc: str) -> None:
    """It keeps restarting: the engine lists no port of it, and a moment later its port is open."""

    class Restarting(Told):
        def everything(self) -> list[dict[str, str]]:
            tcp = Path(proc) / "net" / "tcp"
            tcp.write_text(tcp.read_text() + TCP.splitlines()[1].replace("1F90", "1B58") + "\n")
            return super().everything()

    host = taken.survey(Restarting(ps=LINES, network=""), {}, proc)
    assert taken.check(taken.Wanted("y-op1", {}, [Published("", "7000", "tcp")]), host) == []


def test_names_of_others(host: taken.Host) -> None:
    other = {
        "services": {"node": {"container_name": "foreign"}, "two": {"container_name": "avs-x-op1-node"}},
        "networks": {
            "n": {"name": "avs-x-op2_n"},
            "missing": {"name": "nowhere", "external": True},
            "there": {"name": "other", "external": True},
        },
    }
    assert told(taken.check(taken.Wanted("x-op2", other, []), host)) == [
        ("NET-002", "error", "containers.avs-x-op1-node"),
        ("NET-002", "error", "containers.foreign"),
        ("NET-002", "error", "networks.missing"),
        ("NET-002", "error", "networks.n"),
    ]


def test_two_instances_of_one_call(host: taken.Host) -> None:
    reserved = [(Published("", "6000", "tcp"), "instance a-op1", "a-op1")]
    assert [item.id for item in taken.taken_ports(taken.Wanted("b-op1", {}, [Published("", "6000", "tcp")]), reserved)] == ["NET-002"]
    assert taken.taken_ports(taken.Wanted("a-op1", {}, [Published("", "6000", "tcp")]), reserved) == []


def test_parse_ports() -> None:
    text = "0.0.0.0:80->80/tcp, [::]:80->80/tcp, :::81->81/tcp, 127.0.0.1:90-92->90-92/udp, 4001/tcp"
    assert parse_ports(text) == [("0.0.0.0", "80", "tcp"), ("::", "80", "tcp"), ("::", "81", "tcp"), ("127.0.0.1", "90-92", "udp")]
    assert parse_ports("") == []
