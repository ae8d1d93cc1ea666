# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWS Secrets Manager, played by moto; and what others may answer in its place."""

from __future__ import annotations

import builtins
import functools
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.contents import as_bytes
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets import aws
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.aws import Aws, AwsRequest, AwsSecret
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Need
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.sources import Sources
from moto import mock_aws

from tests.unit.support.sources import surroundings

REGION = "eu-central-1"
VARIABLES = {"avs_aws_region": REGION}
ARN = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:a-AbCdEf"


_LOADER = functools.cache(botocore.session.create_loader)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials of nobody, and none of whoever runs the tests."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-of-the-way-in")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setattr(aws, "ATTEMPTS", 2)
    # What botocore knows of AWS is read once, and not once a client.
    monkeypatch.setattr(botocore.session, "create_loader", _LOADER)


@pytest.fixture
def manager() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("secretsmanager", region_name=REGION)


class Calls:
    """The operations that botocore sent, in order."""

    def __init__(self) -> None:
        self.made: list[str] = []


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    from botocore.client import BaseClient

    seen, real = Calls(), BaseClient._make_api_call

    def counted(self: Any, operation: str, parameters: Any) -> Any:
        seen.made.append(operation)
        return real(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    return seen


def need(secret: str | AwsSecret, field: str = "", line: bool = True, **changes: Any) -> Need:
    wanted = secret if isinstance(secret, AwsSecret) else AwsSecret(secret)
    place = f"avs_instances[0].options.{field or 'whole'}"
    return Need("demo-avs-op1", f"option.{field or 'whole'}", place, AwsRequest(wanted, field, **changes), line=line)


def told(folder: Path, *needs: Need, variables: Any = None, values: bool = False) -> dict[str, tuple[str, str, str]]:
    """Place -> rule, message, remedy."""
    sources = Sources(surroundings(folder, VARIABLES if variables is None else variables))
    references, findings = sources.identify(needs)
    if values:
        assert findings == [] and len(references) == len(needs)
        found, findings = sources.values(needs)
        assert found == {}
    assert "canary" not in str(findings) + str(references)
    return {item.place: (item.id, item.message, str(item.remedy)) for item in findings}


def test_the_identity_is_the_version_and_values_are_those_of_it(manager: Any, tmp_path: Path, calls: Calls) -> None:
    made = manager.create_secret(Name="avs/op1/rpc", SecretString=json.dumps({"token": "canary-1\n", "other": {"a": 1}}))
    whole = manager.create_secret(Name="avs/op1/plain", SecretString="canary-2")
    calls.made.clear()
    sources = Sources(surroundings(tmp_path, VARIABLES))
    needs = [need("avs/op1/rpc", "token"), need("avs/op1/rpc", "other"), need("avs/op1/plain")]
    references, findings = sources.identify(needs)
    assert findings == [] and [reference["version"] for reference in references.values()] == [
        f"aws:{made['ARN']}#{made['VersionId']}:token",
        f"aws:{made['ARN']}#{made['VersionId']}:other",
        f"aws:{whole['ARN']}#{whole['VersionId']}:",
    ]
    assert calls.made == ["DescribeSecret"] * 2
    # Whatever is written meanwhile, a host gets the version it was told of.
    manager.put_secret_value(SecretId="avs/op1/rpc", SecretString=json.dumps({"token": "later"}))
    calls.made.clear()
    values, findings = sources.values(needs)
    assert findings == [] and list(values.values()) == ["canary-1", '{"a":1}', "canary-2"]
    assert calls.made == ["GetSecretValue"] * 2
    assert "canary" not in "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file()) + repr(sources)


def test_the_next_worker_and_the_plays_other_hosts_ask_nothing(manager: Any, tmp_path: Path, calls: Calls) -> None:
    for name in ("mine", "theirs"):
        manager.create_secret(Name=name, SecretString="x")
    wishes = {"aws": Aws.wishes([{"source": "aws", "secret_id": "theirs"}], VARIABLES.get)}
    calls.made.clear()
    Sources(surroundings(tmp_path, VARIABLES, wishes=wishes)).identify([need("mine")])
    Sources(surroundings(tmp_path, VARIABLES)).identify([need("mine"), need("theirs")])
    assert calls.made == ["DescribeSecret"] * 2


def test_versions_that_are_asked_for(manager: Any, tmp_path: Path) -> None:
    first = manager.create_secret(Name="s", SecretString="one")["VersionId"]
    second = manager.put_secret_value(SecretId="s", SecretString="two")["VersionId"]
    sources = Sources(surroundings(tmp_path, VARIABLES))
    needs = [need(AwsSecret("s")), need(AwsSecret("s", version_stage="AWSPREVIOUS")), need(AwsSecret("s", version_id=first))]
    references, _findings = sources.identify(needs)
    assert [reference["version"].split("#")[1] for reference in references.values()] == [f"{second}:", f"{first}:", f"{first}:"]
    assert list(sources.values(needs)[0].values()) == ["two", "one", "one"]
    ((rule, message, remedy),) = told(tmp_path, need(AwsSecret("s", version_stage="AWSPENDING"))).values()
    assert (rule, message) == ("SEC-003", "s has no version AWSPENDING") and "AWSCURRENT, AWSPREVIOUS" in remedy
    ((rule, message, _remedy),) = told(tmp_path, need(AwsSecret("s", version_id="0" * 32))).values()
    assert rule == "SEC-003" and message.startswith("there is no secret s version 000")


def test_secrets_that_are_not_there(manager: Any, tmp_path: Path) -> None:
    manager.create_secret(Name="gone", SecretString="canary")
    manager.delete_secret(SecretId="gone")
    elsewhere = "arn:aws:secretsmanager:us-east-1:123456789012:secret:s-AbCdEf"
    for wanted, words, remedy in (
        ("lost", f"there is no secret lost in the region {REGION}", "avs_aws_region"),
        ("gone", "gone is scheduled for deletion", "restore-secret"),
        (elsewhere, f"is of the region us-east-1, and this run asks {REGION}", "Set avs_aws_region to us-east-1"),
    ):
        ((rule, message, do),) = told(tmp_path, need(wanted)).values()
        assert rule == "SEC-003" and words in message and remedy in do


def test_what_is_in_a_secret_shows_when_it_is_read(manager: Any, tmp_path: Path) -> None:
    manager.create_secret(Name="text", SecretString="canary")
    manager.create_secret(Name="object", SecretString='{"a": "canary", "b": "", "c": null}')
    manager.create_secret(Name="list", SecretString='["canary"]')
    manager.create_secret(Name="bytes", SecretBinary=b"canary\xff")
    found = told(
        tmp_path, need("text", "f1"), need("object", "f2"), need("list", "f3"), need("bytes", "f4"), need("bytes"), need("object", "b"),
        need("object", "c"), need("text", "", opaque=True, encoding="base64", line=False), values=True,
    )  # fmt: skip
    messages = {place.rpartition(".")[2]: message for place, (_rule, message, _remedy) in found.items()}
    assert set(messages) == {"f1", "f2", "f3", "f4", "whole", "b", "c"} and "is no JSON object, and has no field f1" in messages["f1"]
    assert "has no field f2" in messages["f2"] and "there are: a, b, c" in found["avs_instances[0].options.f2"][2]
    assert "is no JSON object" in messages["f3"] and "is binary" in messages["f4"]
    assert "is empty" in messages["b"] and "has no field c" in messages["c"] and "not base64" in messages["whole"]


def test_bytes(manager: Any, tmp_path: Path) -> None:
    content = bytes(range(256))
    manager.create_secret(Name="bytes", SecretBinary=content)
    manager.create_secret(Name="coded", SecretString="/wAB\nAg==")
    manager.create_secret(Name="nul", SecretString="a\0b")
    needs = [need("bytes", line=False, opaque=True), need("coded", line=False, opaque=True, encoding="base64"), need("nul", line=False)]
    sources = Sources(surroundings(tmp_path, VARIABLES))
    assert sources.identify(needs)[0][needs[1]]["version"].endswith("::base64")
    assert [as_bytes(value) for value in sources.values(needs)[0].values()] == [content, b"\xff\x00\x01\x02", b"a\0b"]


class Answer(BaseHTTPRequestHandler):
    """Says whatever the server was told to say, to every request."""

    def do_POST(self) -> None:
        server: Any = self.server
        server.asked.append(self.headers.get("X-Amz-Target", "").rpartition(".")[2])
        status, body = server.answers.get(server.asked[-1], server.answers["*"])
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    made: Any = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    made.asked, made.answers = [], {}
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def at(server: Any) -> dict[str, str]:
    return {**VARIABLES, "avs_aws_endpoint": f"http://canary:canary@127.0.0.1:{server.server_port}"}


def refusal(code: str) -> bytes:
    return json.dumps({"__type": code, "message": "User canary is not canary"}).encode()


@pytest.mark.parametrize(
    ("status", "code", "rule", "words", "remedy", "asked"),
    [
        (400, "AccessDeniedException", "SEC-002", "permission denied to read a", "secretsmanager:GetSecretValue", 4),
        (400, "UnrecognizedClientException", "SEC-002", "does not accept the credentials", "clock", 1),
        (400, "ExpiredTokenException", "SEC-002", "the AWS credentials have expired", "Log in again", 1),
        (400, "ThrottlingException", "SEC-001", "limits the rate of requests", "Run again later", 2),
        (500, "InternalServiceError", "SEC-001", f"AWS Secrets Manager in {REGION} failed", "Run again later", 2),
        (400, "DecryptionFailure", "SEC-002", "a cannot be decrypted with its KMS key", "kms:Decrypt", 4),
        (400, "ValidationException", "SEC-003", "a cannot be read: ValidationException", "avs_aws_endpoint", 2),
        (403, "<html>canary", "SEC-003", "the answer is not that of AWS Secrets Manager", "avs_aws_endpoint", 2),
    ],
)
def test_refusals(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, code: str, rule: str, words: str, remedy: str, asked: int
) -> None:
    server.answers["*"] = (status, refusal(code))
    found = told(tmp_path, need("a", "x"), need("b", "y"), variables=at(server))
    first = found["avs_instances[0].options.x"]
    assert first[0] == rule and words in first[1] and remedy in first[2]
    # What holds for all of them is asked once (and tried again where that may help).
    assert len(found) == 2 and len(server.asked) == asked


def test_a_description_that_is_denied_is_read_off_the_value(server: Any, tmp_path: Path) -> None:
    server.answers["*"] = (400, refusal("AccessDeniedException"))
    server.answers["GetSecretValue"] = (200, json.dumps({"ARN": ARN, "VersionId": "v" * 32, "SecretString": "canary"}).encode())
    asked = need("a")
    references, findings = Sources(surroundings(tmp_path, at(server))).identify([asked])
    assert findings == [] and references[asked] == {"version": f"aws:{ARN}#{'v' * 32}:"}
    assert "canary" not in "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>canary</html>",
        b"[]",
        b"{}",
        b'{"ARN": 5, "VersionIdsToStages": "canary"}',
        json.dumps({"ARN": f"{ARN}\x1b[2J", "VersionIdsToStages": {"v" * 32: ["AWSCURRENT"]}}).encode(),
        json.dumps({"ARN": ARN, "VersionIdsToStages": {"v" * 32 + "\n": ["AWSCURRENT"]}}).encode(),
    ],
)
def test_answers_of_somebody_else(server: Any, tmp_path: Path, answer: bytes) -> None:
    server.answers["*"] = (200, answer)
    ((rule, message, _remedy),) = told(tmp_path, need("a"), variables=at(server)).values()
    assert (rule, message) == ("SEC-001", f"http://127.0.0.1:{server.server_port} does not answer like AWS Secrets Manager")


def test_ways_that_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Any) -> None:
    port = server.server_port
    cases: list[tuple[dict[str, str], str, str, str]] = [
        ({"avs_aws_region": ""}, "SEC-001", "no AWS region is set", "avs_aws_region"),
        ({"avs_aws_region": "not a region"}, "SEC-001", "the AWS region is not the name of one", "eu-central-1"),
        ({"avs_aws_profile": "lost"}, "SEC-002", "there is no such AWS profile", "avs_aws_profile"),
        ({"avs_aws_endpoint": "ftp//x"}, "SEC-001", "the AWS endpoint is not an address", "avs_aws_endpoint"),
        ({"avs_aws_endpoint": f"https://127.0.0.1:{port}"}, "SEC-001", "no TLS session", "AWS_CA_BUNDLE"),
        ({"avs_aws_endpoint": "http://127.0.0.1:1"}, "SEC-001", "AWS Secrets Manager cannot be reached", "the network"),
    ]
    for changes, rule, words, remedy in cases:
        ((found, message, do),) = told(tmp_path, need("a"), variables={**VARIABLES, **changes}).values()
        assert found == rule and words in message and remedy in do, (changes, message)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    ((_rule, message, _do),) = told(tmp_path, need("a"), variables={**VARIABLES, "avs_aws_endpoint": f"http://127.0.0.1:{port}"}).values()
    assert message == "the AWS credentials are incomplete"
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    ((_rule, message, do),) = told(tmp_path, need("b"), variables={**VARIABLES, "avs_aws_endpoint": f"http://127.0.0.1:{port}/"}).values()
    assert message == "there are no AWS credentials" and "avs_aws_profile" in do


def test_a_role_that_is_refused(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("[profile r]\nrole_arn = arn:aws:iam::123456789012:role/r\ncredential_source = Environment\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{server.server_port}")
    server.answers["*"] = (403, b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>canary</Message></Error></ErrorResponse>")
    ((rule, message, _remedy),) = told(tmp_path, need("a"), variables={**VARIABLES, "avs_aws_profile": "r"}).values()
    assert (rule, message) == ("SEC-002", "AWS refuses the role that is to be assumed")


def test_boto3_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "boto3":
            raise ModuleNotFoundError("no", name="boto3")
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    found = told(tmp_path, need("a", "x"), need("b", "y"))
    assert len(found) == 2
    for rule, message, remedy in found.values():
        assert rule == "SEC-001" and "the Python package boto3 is missing on the controller" in message and "pip install boto3" in remedy


def test_one_key_is_one_place_however_it_is_named() -> None:
    def origin(**reference: str) -> str | None:
        return Aws.origin(reference, lambda _name: None)

    arn = "arn:aws:secretsmanager:{region}:{account}:secret:avs/op1/bls-AbCdEf"
    here, copy = (origin(secret_id=arn.format(region=region, account="1" * 12)) for region in ("eu-central-1", "us-east-1"))
    assert here == copy and here != origin(secret_id=arn.format(region="eu-central-1", account="2" * 12))
    assert origin(secret_id="a", version_stage="AWSPREVIOUS") == origin(secret_id="a") != origin(secret_id="a", field="k")
