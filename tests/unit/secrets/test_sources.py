# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files on the controller, and all sources behind one face."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.contents import as_bytes, as_text
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Need, Problem, Request, SecretValue
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.connection import Connection, Login
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.file import MAX_BYTES, File, FileRequest, Unreadable
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.literal import LiteralRequest
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.source import Source
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.sources import OFFERED, Sources
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.vault_requests import SecretPath, SecretRequest

from tests.unit.support.fakes import Store, serving
from tests.unit.support.sources import Folder, surroundings


@pytest.fixture
def store() -> Iterator[Store]:
    with serving(Store()) as running:
        yield running


def files(folder: Path, **changes: Any) -> File:
    return File(surroundings(folder, files=Folder(folder, **changes)))


def write(folder: Path, name: str, content: bytes, mode: int = 0o600) -> FileRequest:
    path = folder / name
    path.write_bytes(content)
    path.chmod(mode)
    return FileRequest(name)


def need(request: Request, name: str = "key.bls.keystore", place: str = "avs_instances[0].keys.bls") -> Need:
    return Need("demo-avs-op1", name, place, request)


def sources(store: Store, folder: Path, wishes: Any = None) -> Sources:
    variables = {"ansible_hashi_vault_url": store.url, "ansible_hashi_vault_token": "canary-token", "ansible_hashi_vault_timeout": 5}
    return Sources(surroundings(folder, variables, wishes=wishes))


def reference(folder: Path) -> Any:
    asked = need(write(folder, "key", b"canary"))
    return files(folder).identify([asked])[0][asked]


def test_a_reference_is_a_mac_under_a_random_nonce(tmp_path: Path) -> None:
    one, two = reference(tmp_path), reference(tmp_path)
    assert one != two
    for made in (one, two):
        assert made["mac"] == hmac.new(bytes.fromhex(made["nonce"]), b"canary", hashlib.sha256).hexdigest()
        assert len(bytes.fromhex(made["nonce"])) == 16


def test_the_text_of_files(tmp_path: Path) -> None:
    source = files(tmp_path)
    assert source.value(write(tmp_path, "keystore.json", b'{"a": 1}\n')) == '{"a": 1}\n'
    write(tmp_path, "password", b" p w \r\n")
    assert source.value(FileRequest("password", password=True)) == " p w "


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no file key"),
        (b"", "key is empty"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"x" * (MAX_BYTES + 1), "is larger than 1 MiB"),
    ],
)
def test_files_that_will_not_do(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        write(tmp_path, "key", content)
    found = files(tmp_path).value(FileRequest("key"))
    assert isinstance(found, Problem) and found.rule == "SEC-003" and words in found.message


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    def refuse(_path: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    write(tmp_path, "key", b"x")
    found = files(tmp_path, read=refuse).value(FileRequest("key"))
    assert isinstance(found, Problem) and "cannot be read: Permission denied" in found.message


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o666, True)])
def test_files_others_may_read(tmp_path: Path, mode: int, warned: bool) -> None:
    request = write(tmp_path, "key", b"x", mode)
    found = files(tmp_path).warnings(request, "place")
    assert bool(found) is warned and all(item.severity == "warning" and item.id == "SEC-004" for item in found)


def test_an_encrypted_file_may_be_read_by_others(tmp_path: Path) -> None:
    request = write(tmp_path, "key", b"$ANSIBLE_VAULT;1.1;AES256\n00", 0o644)
    assert files(tmp_path).warnings(request, "place") == []


def test_references_of_all_kinds(store: Store, tmp_path: Path) -> None:
    store.metadata("avs/op1/bls", 7)
    in_store = need(SecretRequest(SecretPath("secret", "avs/op1/bls"), "keystore"))
    in_file = need(write(tmp_path, "key", b"canary"), "key.tls.keystore")
    in_clear = need(LiteralRequest(SecretValue("canary")), "option.token")
    made = sources(store, tmp_path)
    references, findings = made.identify([in_store, in_file, in_clear])
    assert findings == []
    assert "#7@" in references[in_store]["version"]
    assert set(references[in_file]) == set(references[in_clear]) == {"nonce", "mac"}
    assert "canary" not in f"{references}{made!r}{in_clear!r}{findings}"


def test_values_are_those_of_the_referenced_version(store: Store, tmp_path: Path) -> None:
    store.put("avs/op1/bls", {"keystore": "canary"}, version=7)
    asked = need(SecretRequest(SecretPath("secret", "avs/op1/bls"), "keystore"))
    made = sources(store, tmp_path)
    made.identify([asked])
    assert made.values([asked]) == ({asked: "canary"}, [])
    assert store.asked[-1] == "GET /v1/secret/data/avs/op1/bls?version=7"


def test_every_secret_that_is_missing_with_its_place(store: Store, tmp_path: Path) -> None:
    gone = need(SecretRequest(SecretPath("secret", "avs/gone"), "keystore"), place="avs_instances[0].keys.bls")
    lost = need(FileRequest("lost"), place="avs_instances[1].keys.tls")
    _references, findings = sources(store, tmp_path).identify([gone, lost])
    assert {item.place: item.id for item in findings} == {gone.place: "SEC-003", lost.place: "SEC-003"}


def test_a_field_that_is_missing_shows_when_values_are_read(store: Store, tmp_path: Path) -> None:
    store.put("avs/op1/bls", {"password": "canary"})
    asked = need(SecretRequest(SecretPath("secret", "avs/op1/bls"), "keystore"))
    made = sources(store, tmp_path)
    made.identify([asked])
    values, (found,) = made.values([asked])
    assert (values, found.place) == ({}, asked.place) and "canary" not in found.as_line()


def test_a_store_that_is_not_set_up_is_said_of_each_secret(tmp_path: Path) -> None:
    made = Sources(surroundings(tmp_path))
    asked = [need(SecretRequest(SecretPath("secret", name), "x"), place=f"avs_instances[0].keys.{name}") for name in "ab"]
    _references, findings = made.identify(asked)
    assert {item.place for item in findings} == {item.place for item in asked}
    assert any("ansible_hashi_vault_url" in item.message + item.remedy for item in findings)


def test_without_secrets_no_store_is_needed(tmp_path: Path) -> None:
    def never(_name: str) -> None:
        raise AssertionError("asked for a store")

    made = Sources(replace(surroundings(tmp_path), variable=never))
    assert made.identify([]) == ({}, []) and made.values([]) == ({}, [])
    made.close()


def test_others_are_read_along(store: Store, tmp_path: Path) -> None:
    store.metadata("avs/mine")
    store.metadata("avs/theirs")
    asked = need(SecretRequest(SecretPath("secret", "avs/mine"), "x"))
    digest = Connection(store.url, Login("token", token="canary-token")).digest
    sources(store, tmp_path, {"vault": {digest: [["secret", "avs/theirs", 0]]}}).identify([asked])
    assert sorted(store.asked) == ["GET /v1/secret/metadata/avs/mine", "GET /v1/secret/metadata/avs/theirs"]


def test_bytes_of_a_file_and_of_the_store(store: Store, tmp_path: Path) -> None:
    content = bytes(range(256)) + b"canary"
    store.put("avs/op1/p2p", {"a": base64.encodebytes(content).decode(), "b": base64.b64encode(b"text").decode(), "c": "raw\0text"})
    path = SecretPath("secret", "avs/op1/p2p")
    in_file = need(replace(write(tmp_path, "key", content), opaque=True), "key.p2p.keystore")
    asked = [need(SecretRequest(path, field, encoding), field) for field, encoding in (("a", "base64"), ("b", "base64"), ("c", ""))]
    made = sources(store, tmp_path)
    references, findings = made.identify([in_file, *asked])
    values, more = made.values([in_file, *asked])
    assert findings == more == []
    assert [as_bytes(values[one]) for one in (in_file, *asked)] == [content, content, b"text", b"raw\0text"]
    # What is text travels as it always did, and a field that is read in another way is another value.
    assert (
        values[asked[1]] == "text"
        and references[asked[0]]["version"].endswith(":a:base64")
        and references[asked[2]]["version"].endswith(":c")
    )
    assert (
        references[in_file]["mac"]
        == hmac.new(bytes.fromhex(references[in_file]["nonce"]), as_text(content).encode(), hashlib.sha256).hexdigest()
    )


@pytest.mark.parametrize("stored", ["canary!", "Y2FuYXJ", "", {"canary": 1}])
def test_a_field_that_is_not_base64(store: Store, tmp_path: Path, stored: Any) -> None:
    store.put("avs/op1/p2p", {"a": stored})
    asked = need(SecretRequest(SecretPath("secret", "avs/op1/p2p"), "a", "base64"))
    made = sources(store, tmp_path)
    made.identify([asked])
    values, (found,) = made.values([asked])
    assert values == {} and "base64" in found.message and "canary" not in found.as_line()


@pytest.mark.parametrize("written", ["p w", "p w\n", "p w\r\n"])
def test_a_newline_at_the_end_is_no_part_of_a_password_from_any_source(store: Store, tmp_path: Path, written: str) -> None:
    store.put("avs/op1/bls", {"password": written, "keystore": written})
    path = SecretPath("secret", "avs/op1/bls")
    write(tmp_path, "password", written.encode())
    stored = replace(need(SecretRequest(path, "password"), "key.bls.password"), line=True)
    filed = replace(need(FileRequest("password", password=True), "key.b.password"), line=True)
    keystore = need(SecretRequest(path, "keystore"))
    made = sources(store, tmp_path)
    made.identify([stored, filed, keystore])
    values, _findings = made.values([stored, filed, keystore])
    assert (values[stored], values[filed], values[keystore]) == ("p w", "p w", written)


def test_only_one_newline_is_dropped(store: Store, tmp_path: Path) -> None:
    store.put("avs/op1/bls", {"password": "p\n\n"})
    stored = replace(need(SecretRequest(SecretPath("secret", "avs/op1/bls"), "password")), line=True)
    made = sources(store, tmp_path)
    made.identify([stored])
    assert made.values([stored])[0] == {stored: "p\n"}


def test_a_file_that_gives_nothing_away_says_what_to_do(tmp_path: Path) -> None:
    def refuse(_path: str) -> bytes:
        raise Unreadable("cannot be decrypted", "Give the password.")

    write(tmp_path, "key", b"x")
    found = files(tmp_path, read=refuse).value(FileRequest("key"))
    assert found == Problem("SEC-003", "key cannot be decrypted", "Give the password.")


def test_a_file_that_must_not_lie_where_it_does_is_not_read(tmp_path: Path) -> None:
    def never(_path: str) -> bytes:
        raise AssertionError("it was read")

    write(tmp_path, "key", b"x")
    source = files(tmp_path, read=never, exposed=lambda path: ("lies in the inventory", f"Move {path}."))
    assert source.value(FileRequest("key")) == Problem("SEC-005", "key lies in the inventory", f"Move {tmp_path / 'key'}.")


def test_identities_of_the_store_are_those_hosts_know_from_before(store: Store, tmp_path: Path) -> None:
    store.metadata("avs/op1/bls", 3)
    path = SecretPath("secret", "avs/op1/bls")
    asked = [need(SecretRequest(path, "keystore")), need(SecretRequest(path, "keystore", "base64"), "other")]
    found, _findings = sources(store, tmp_path).identify(asked)
    digest = hashlib.sha256(f"{store.url}\n".encode()).hexdigest()[:16]
    created = store.answers["GET /v1/secret/metadata/avs/op1/bls"][1]["data"]["versions"]["3"]["created_time"]
    identity = f"vault:{digest}:secret/avs/op1/bls#3@{created}:keystore"
    assert [found[one] for one in asked] == [{"version": identity}, {"version": f"{identity}:base64"}]


def test_libraries_of_stores_are_read_where_they_are_needed() -> None:
    """A run without such secrets needs none of them, and does not wait for them."""
    script = (
        "import sys; import ansible_collections.restaking.avs.plugins.plugin_utils.inventory.fleet;"
        "print(sorted({'boto3', 'botocore', 'hvac', 'requests', 'ansible'} & set(sys.modules)))"
    )
    roots = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": roots}
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("source", OFFERED.values(), ids=OFFERED)
def test_every_source_says_what_it_is_and_what_an_entry_may_say_of_it(source: type[Source]) -> None:
    assert source.about and source.identity and OFFERED[source.name] is source
    for fields in (source.option_fields, source.key_fields):
        assert fields is source.option_fields or source.password_field in {*fields, "password"}
        assert all(field.about.endswith(".") and field.type for field in fields.values())
        assert not {"source", "kind", "password", "services"} & set(fields) and "name" not in source.key_fields
