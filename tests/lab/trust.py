# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's own certificate authority and the certificates it signs."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .paths import Lab
from .shell import say

_DAYS = 825


@dataclass(frozen=True)
class Certificate:
    """A PEM certificate and the path of its private key's PEM file."""

    path: Path
    key: Path


def authority(lab: Lab) -> Certificate:
    """The CA, made on first use; hosts trust it, the machine does not have to."""
    pair = Certificate(lab.trust / "ca.crt", lab.trust / "ca.key")
    if pair.path.exists() and pair.key.exists():
        return pair
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"{lab.name} lab CA")
    builder = _builder(name, name, key.public_key()).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(sign=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    _write(pair, key, builder.sign(key, hashes.SHA256()))
    say("trust: made the lab's CA")
    return pair


def server(lab: Lab, part: str, names: Iterable[str], address: str) -> Certificate:
    """A server certificate for ``part``; made anew when its names or the CA changed."""
    pair = Certificate(lab.trust / f"{part}.crt", lab.trust / f"{part}.key")
    ca = authority(lab)
    issuer = x509.load_pem_x509_certificate(ca.path.read_bytes())
    signer = serialization.load_pem_private_key(ca.key.read_bytes(), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    ip = [ipaddress.ip_address(address), ipaddress.ip_address("127.0.0.1")]
    wanted = x509.SubjectAlternativeName([*(x509.DNSName(name) for name in names), *(x509.IPAddress(one) for one in ip)])
    if pair.path.exists() and pair.key.exists():
        present = x509.load_pem_x509_certificate(pair.path.read_bytes())
        same = present.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == wanted
        if same and present.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value == _issued_by(issuer):
            return pair
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(f"{lab.name} {part}"), issuer.subject, key.public_key()).add_extension(wanted, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(sign=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(_issued_by(issuer), critical=False)
    _write(pair, key, builder.sign(signer, hashes.SHA256()))
    return pair


def _issued_by(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    # A day back: hosts' clocks and the machine's may differ.
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
    )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign,
        crl_sign=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(pair: Certificate, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pair.key.touch(mode=0o600)
    pair.key.write_bytes(pem)
    pair.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
