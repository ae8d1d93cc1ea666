# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's CA and its certificates, as a TLS client sees them."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from tests.lab import trust
from tests.lab.paths import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path, "avs-lab")
    lab.prepare()
    return lab


def handshake(lab: Lab, pair: trust.Certificate, name: str) -> None:
    """A TLS handshake with a server that shows ``pair``, by a client that trusts the lab's CA alone."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pair.path, pair.key)
    client = ssl.create_default_context(cafile=str(trust.authority(lab).path))
    left, right = socket.socketpair()

    def serve() -> None:
        try:
            serving.wrap_socket(right, server_side=True).close()
        except (ssl.SSLError, OSError):
            right.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client.wrap_socket(left, server_hostname=name).close()
    finally:
        left.close()
        thread.join()


@pytest.mark.parametrize("name", ["registry.avs-lab.test", "10.213.0.10", "127.0.0.1"])
def test_clients_that_trust_the_ca_accept_the_server(lab: Lab, name: str) -> None:
    handshake(lab, trust.server(lab, "registry", ["registry.avs-lab.test"], "10.213.0.10"), name)


def test_another_name_is_refused(lab: Lab) -> None:
    pair = trust.server(lab, "registry", ["registry.avs-lab.test"], "10.213.0.10")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(lab, pair, "vault.avs-lab.test")


def test_certificates_are_kept_until_names_or_ca_change(lab: Lab) -> None:
    first = trust.server(lab, "registry", ["a.test"], "10.213.0.10").path.read_bytes()
    assert trust.server(lab, "registry", ["a.test"], "10.213.0.10").path.read_bytes() == first
    second = trust.server(lab, "registry", ["a.test"], "10.214.0.10").path.read_bytes()
    assert second != first
    (lab.trust / "ca.crt").unlink()
    third = trust.server(lab, "registry", ["a.test"], "10.214.0.10")
    assert third.path.read_bytes() != second
    handshake(lab, third, "a.test")


def test_private_keys_are_for_their_owner_alone(lab: Lab) -> None:
    pair = trust.server(lab, "vault", ["vault.test"], "10.213.0.12")
    for key in (pair.key, trust.authority(lab).key):
        assert key.stat().st_mode & 0o777 == 0o600
