# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup vault_key, and the connection over TLS."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.integration.controller.conftest import Canaries
from tests.integration.controller.controller import PLAY, Controller, entry
from tests.integration.controller.openbao import OpenBao

LOGIN, REVOKE = "update auth/approle/login", "update auth/token/revoke-self"
LOOKUP = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{ %s }}"
        dest: "{{ folder }}/out.memory"
        mode: "0600"
      no_log: "{{ not (loud | default(false)) }}"
"""


def out(controller: Controller) -> str:
    return (controller.folder / "out.memory").read_text()


def test_a_field(controller: Controller, approle: dict[str, Any], canaries: Canaries, bao: OpenBao) -> None:
    canaries.put("look")
    controller.inventory({"h": []}, approle)
    tokens = bao.tokens()
    expression = "lookup('restaking.avs.vault_key', 'avs/look/rpc', field='token')"
    run = controller.play("-vvvv", play=LOOKUP % expression, json_output=False)
    assert run.code == 0, run.output
    assert out(controller) == canaries.values["look token"]
    assert (run.asked.count(LOGIN), run.asked.count(REVOKE)) == (run.asked.count("read secret/data/avs/look/rpc"),) * 2
    assert bao.tokens() == tokens and canaries.found_in(run.output + controller.left_behind()) == []


def test_whole_secrets_versions_and_mounts(controller: Controller, canaries: Canaries, bao: OpenBao) -> None:
    bao.put("avs/versions", a="1")
    bao.put("avs/versions", a="2", b="3")
    controller.inventory({"h": []}, {"ansible_hashi_vault_token": bao.token()})
    for options, wanted in (
        ("", "[{'a': '2', 'b': '3'}]"),
        (", version=1", "[{'a': '1'}]"),
        (", mount_point='/secret/'", "[{'a': '2', 'b': '3'}]"),
    ):
        expression = f"query('restaking.avs.vault_key', '/avs/versions'{options}) | string"
        assert controller.play(play=LOOKUP % expression).code == 0
        assert out(controller) == wanted


def test_options_win_over_variables(controller: Controller, bao: OpenBao) -> None:
    bao.put("avs/direct", a="1")
    controller.inventory({"h": []}, {"ansible_hashi_vault_token": "wrong", "right": bao.token()})
    expression = "lookup('restaking.avs.vault_key', 'avs/direct', field='a', token=right)"
    assert controller.play(play=LOOKUP % expression).code == 0 and out(controller) == "1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("'avs/nowhere'", "there is no secret at secret/avs/nowhere"),
        ("'avs/there', field='b'", "secret/avs/there has no field b"),
        ("'avs/there', version=777", "secret/avs/there version 777"),
        ("'other/x'", "permission denied to read secret/other/x"),
        ("'avs/there', url='http://127.0.0.1:1'", "the secret store http://127.0.0.1:1 cannot be reached"),
    ],
)
def test_what_cannot_be_had(controller: Controller, bao: OpenBao, arguments: str, words: str) -> None:
    bao.put("avs/there", a="canary-value")
    controller.inventory({"h": []}, {"ansible_hashi_vault_token": bao.token()})
    run = controller.play("-vvv", "-e", "loud=true", play=LOOKUP % f"lookup('restaking.avs.vault_key', {arguments})", json_output=False)
    assert run.code != 0 and words in run.output and "canary" not in run.output


def test_the_login_of_the_run_is_shared(controller: Controller, approle: dict[str, Any], canaries: Canaries, bao: OpenBao) -> None:
    canaries.put("both")
    controller.inventory({"h": [entry("both")]}, approle)
    tokens = bao.tokens()
    task = LOOKUP.partition("tasks:\n")[2] % "lookup('restaking.avs.vault_key', 'avs/both/rpc', field='token')"
    run = controller.play(play=PLAY + task)
    assert run.code == 0, run.output
    assert run.asked.count(LOGIN) == 1 and run.asked.count(REVOKE) == 1 and run.asked[-1] == REVOKE
    assert out(controller) == canaries.values["both token"] and bao.tokens() == tokens


def certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """A self-signed certificate for an address, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "store")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "store.crt", folder / "store.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths[1].write_bytes(private)
    return paths


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    folder = tmp_path_factory.mktemp("secure")
    server = OpenBao(folder, certificate=certificate(folder, "127.0.0.1"))
    server.start()
    server.put("avs/tls", a="1")
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ansible_hashi_vault_ca_cert": "{{ ca }}"}, None),
        ({"ansible_hashi_vault_ca_cert": "ca.crt"}, None),
        ({"ansible_hashi_vault_validate_certs": False}, None),
        ({}, "is not trusted"),
        ({"ansible_hashi_vault_ca_cert": "/nowhere.pem"}, "CA file"),
        ({"ansible_hashi_vault_ca_cert": "{{ ca }}", "ansible_hashi_vault_url": "{{ named }}"}, "is not trusted"),
        ({"ansible_hashi_vault_url": "{{ open }}"}, "speaks TLS"),
    ],
)
def test_tls(tmp_path: Path, core: str, secure: OpenBao, variables: dict[str, Any], words: str | None) -> None:
    assert secure.certificate is not None
    controller = Controller(tmp_path, secure, core)
    (tmp_path / "files").mkdir()
    (tmp_path / "files/ca.crt").symlink_to(secure.certificate[0])
    addresses = {
        "ca": str(secure.certificate[0]),
        "named": secure.url.replace("127.0.0.1", "localhost"),
        "open": secure.url.replace("https", "http"),
    }
    controller.inventory({"h": []}, {**addresses, "ansible_hashi_vault_token": secure.token(), **variables})
    run = controller.play("-e", "loud=true", play=LOOKUP % "lookup('restaking.avs.vault_key', 'avs/tls', field='a')", json_output=False)
    if words is None:
        assert run.code == 0 and out(controller) == "1", run.output
    else:
        assert run.code != 0 and words in run.output, run.output


def test_tls_of_the_action(tmp_path: Path, core: str, secure: OpenBao) -> None:
    controller = Controller(tmp_path, secure, core)
    assert secure.certificate is not None
    (tmp_path / "files").mkdir()
    (tmp_path / "files/ca.crt").symlink_to(secure.certificate[0])
    Canaries(secure).put("tls")
    role = {f"ansible_hashi_vault_{name}": value for name, value in secure.role().items()}
    access = {"ansible_hashi_vault_auth_method": "approle", "ansible_hashi_vault_ca_cert": "ca.crt", **role}
    controller.inventory({"h": [entry("tls")]}, access)
    run = controller.play()
    assert run.outcome("h")["changed"] is True and run.asked[-1] == REVOKE
