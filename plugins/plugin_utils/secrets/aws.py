# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The source ``aws``: AWS Secrets Manager, through boto3 and its own chain of credentials.

A secret's version is its ARN and version id, which a description gives without the value: one ``DescribeSecret`` a secret, side by side.
What a host lacks is read by ``GetSecretValue`` in that very version; ``BatchGetSecretValue`` knows the newest alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import Any, ClassVar

from ...module_utils.common.contents import as_text
from ..parsing import schema
from ..parsing.schema import text
from . import aws_errors
from .base import Need, Problem, Request, no_text, text_of
from .side_by_side import THREADS, Failed, SideBySide
from .source import ENCODING, Fields, Find, Reference, Surroundings, Variable, Wishes, Written, decoded
from .versioned import Versioned

CONNECT_TIMEOUT, READ_TIMEOUT, ATTEMPTS = 10, 30, 4
VARIABLES = ("avs_aws_region", "avs_aws_profile", "avs_aws_endpoint")
_NEWEST = "AWSCURRENT"
_ARN = re.compile(r"arn:[a-z-]+:secretsmanager:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):secret:(?P<name>[A-Za-z0-9/_+=.@!-]{1,600})\Z")
_RANDOM = re.compile(r"-[A-Za-z0-9]{6}\Z")
_ID = text(lambda value: re.fullmatch(r"[A-Za-z0-9/_+=.@:!-]{1,2048}", value) is not None, "the name or ARN of a secret")
_VERSION_ID = re.compile(r"[A-Za-z0-9-]{32,64}\Z")
_VERSION = text(lambda value: _VERSION_ID.match(value) is not None, "a version id (32 to 64 letters, digits and dashes)")
_STAGE = text(lambda value: re.fullmatch(r"[A-Za-z0-9/_+=.@:!-]{1,256}", value) is not None, "a staging label like AWSPREVIOUS")
_SECRET = {
    "secret_id": Written(_ID, "text", "Name or ARN of the secret.", required=True),
    "version_id": Written(_VERSION, "text", "A fixed version. By default that of the stage."),
    "version_stage": Written(_STAGE, "text", f"Label of the version, where no id says which. Default `{_NEWEST}`."),
}


@dataclass(frozen=True, order=True)
class AwsSecret:
    """One secret: name or ARN, and the version that is asked for (an id, or a stage)."""

    secret_id: str
    version_id: str = ""
    version_stage: str = ""

    @property
    def version(self) -> str:
        return self.version_id or self.version_stage

    def __str__(self) -> str:
        return self.secret_id + (f" version {self.version}" if self.version else "")


@dataclass(frozen=True)
class AwsVersion:
    arn: str
    version_id: str


@dataclass(frozen=True, order=True)
class AwsRequest(Request):
    """A secret, or one field of a secret that is a JSON object."""

    source: ClassVar[str] = "aws"

    secret: AwsSecret
    field: str = ""
    opaque: bool = False
    encoding: str = ""

    def __str__(self) -> str:
        return f"field {self.field} of {self.secret}" if self.field else str(self.secret)

    def identity(self, version: AwsVersion) -> str:
        """``aws:<ARN>#<version id>:<field>``: compared as a whole, never taken apart."""
        return ":".join(part for part in (f"aws:{version.arn}#{version.version_id}:{self.field}", self.encoding) if part)


class Aws(Versioned):
    name = "aws"
    about = "AWS Secrets Manager"
    identity = "the ARN and id of its version"
    option_fields: ClassVar[Fields] = {
        **_SECRET,
        "field": Written(schema.line, "text", "Key of the value, where the secret is a JSON object."),
    }
    key_fields: ClassVar[Fields] = {
        **_SECRET,
        "field": Written(
            schema.line, "text", "Key of the keystore, where the secret is a JSON object. By default the whole secret is the keystore."
        ),
        "password_field": Written(schema.line, "text", "Key of its password in the same secret."),
        "encoding": ENCODING,
    }
    password_field = "password_field"
    wish = AwsSecret
    variables = VARIABLES
    password_remedy = "Name its key in the secret, or say where else it is: password: {source: ...}, as for an option."

    def __init__(self, run: Surroundings) -> None:
        super().__init__(run)
        self._manager: SecretsManager | None = None

    @classmethod
    def of_option(cls, reference: Reference, owner: str) -> AwsRequest:
        return AwsRequest(_secret(reference), reference.get("field") or "")

    @classmethod
    def of_key(cls, reference: Reference, owner: str, opaque: bool, line: bool) -> tuple[AwsRequest, AwsRequest | None]:
        secret, password = _secret(reference), reference.get("password_field")
        keystore = AwsRequest(secret, reference.get("field") or "", opaque, reference.get("encoding") or "")
        return keystore, AwsRequest(secret, password) if password else None

    @classmethod
    def origin(cls, reference: Reference, find: Find) -> str | None:
        # A copy in another region is the same secret. Who has one name in two accounts writes ARNs.
        arn = _ARN.match(reference["secret_id"])
        name = f"{arn['account']} {_RANDOM.sub('', arn['name'])}" if arn else reference["secret_id"]
        return f"aws {name}" + (f" field {reference['field']}" if reference.get("field") else "")

    @classmethod
    def wishes(cls, references: Iterable[Reference], variable: Variable) -> Wishes:
        """Digest of the settings -> secrets (id, version id, stage)."""
        return {SecretsManager(variable).digest: [list(astuple(secret)) for secret in sorted({_secret(one) for one in references})]}

    def store(self) -> SecretsManager:
        if self._manager is None:
            self._manager = SecretsManager(self.run.variable)
        return self._manager

    def wanted(self, request: AwsRequest) -> AwsSecret:
        return request.secret

    def version_of(self, request: AwsRequest, version: AwsVersion) -> str:
        return request.identity(version)

    def read(self, versions: Mapping[Need, AwsVersion]) -> Mapping[Need, str | Problem]:
        pinned = {need: AwsSecret(version.arn, version.version_id) for need, version in versions.items()}
        answers = self.store().values(pinned.values())
        return {need: _value(need.request, answers[secret]) for need, secret in pinned.items()}


class SecretsManager(SideBySide):
    """One region, one set of credentials; errors come back a secret at a time. boto3 is imported at the first request: a run without such
    secrets works where it is not installed."""

    version = AwsVersion

    def __init__(self, variable: Variable) -> None:
        self._region, self._profile, self._endpoint = (str(variable(name) or "") for name in VARIABLES)
        self.digest = hashlib.sha256("\n".join((self._region, self._profile, self._endpoint)).encode()).hexdigest()[:32]
        self._client: Any = None

    def versions(self, wishes: Iterable[AwsSecret]) -> dict[AwsSecret, AwsVersion | Problem]:
        return self.each(wishes, self._version)

    def values(self, secrets: Iterable[AwsSecret]) -> dict[AwsSecret, Mapping[str, Any] | Problem]:
        """Answers with ``SecretString`` or ``SecretBinary``, each secret read once."""
        return self.each(secrets, self._read)

    def _version(self, secret: AwsSecret) -> AwsVersion:
        try:
            told = self._call(secret, lambda client: client.describe_secret(SecretId=secret.secret_id))
        except Failed as failed:
            if failed.problem.rule != "SEC-002" or failed.everywhere:
                raise
            # A policy may hand out the value and not the description; the value is dropped here.
            told = self._read(secret)
            return self._identity(told, told.get("VersionId"))
        if told.get("DeletedDate"):
            raise Failed(aws_errors.deleted(secret.secret_id))
        stages = told.get("VersionIdsToStages") or {}
        if secret.version_id:
            if secret.version_id not in stages:
                # A version without a label is in no description.
                self._read(secret)
            return self._identity(told, secret.version_id)
        wanted = secret.version_stage or _NEWEST
        found = next((version for version, labels in stages.items() if wanted in labels), None)
        if found is None:
            labels = _names({label for own in stages.values() for label in own})
            raise Failed(_missing(f"{secret.secret_id} has no version {wanted}", f"Write its value, or ask for one of: {labels}."))
        return self._identity(told, found)

    def _identity(self, told: Mapping[str, Any], version_id: Any) -> AwsVersion:
        """It goes to hosts, and into their records: from somebody else's answer nothing gets there but an id."""
        if not _VERSION_ID.match(str(version_id)):
            raise Failed(aws_errors.foreign(self._client.meta.endpoint_url), everywhere=True)
        return AwsVersion(str(told["ARN"]), str(version_id))

    def _read(self, secret: AwsSecret) -> Mapping[str, Any]:
        which = {"VersionId": secret.version_id} if secret.version_id else {"VersionStage": secret.version_stage or _NEWEST}
        answer: Mapping[str, Any] = self._call(secret, lambda client: client.get_secret_value(SecretId=secret.secret_id, **which))
        return answer

    def _call(self, secret: AwsSecret, ask: Callable[[Any], Any]) -> Any:
        """One request. Raises ``Failed``."""
        client = self._opened()
        arn = _ARN.match(secret.secret_id)
        if arn is not None and arn["region"] != client.meta.region_name:
            message = f"{secret.secret_id} is of the region {arn['region']}, and this run asks {client.meta.region_name}"
            raise Failed(_missing(message, f"Set avs_aws_region to {arn['region']}, or name the secret of {client.meta.region_name}."))
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            answer = ask(client)
            if _ARN.match(answer["ARN"]) and isinstance(answer.get("VersionIdsToStages") or {}, Mapping):
                return answer
            raise TypeError
        except ClientError as error:
            if error.operation_name not in ("DescribeSecret", "GetSecretValue"):
                raise Failed(aws_errors.no_role(), everywhere=True) from None
            code = str((error.response.get("Error") or {}).get("Code"))
            raise Failed(*aws_errors.of_answer(secret.secret_id, secret.version, code, client.meta.region_name)) from None
        except BotoCoreError as error:
            raise Failed(aws_errors.of_way(error, client.meta.endpoint_url), everywhere=True) from None
        except (ResponseParserError, AttributeError, KeyError, TypeError, ValueError):
            # What botocore takes for an answer, whatever it is, and stumbles over.
            raise Failed(aws_errors.foreign(client.meta.endpoint_url), everywhere=True) from None

    def _opened(self) -> Any:
        if self._client is None:
            try:
                import boto3
                from botocore.config import Config
                from botocore.exceptions import BotoCoreError
            except ImportError as error:
                raise Failed(aws_errors.no_library(error.name), everywhere=True) from None
            settings = Config(
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=READ_TIMEOUT,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                max_pool_connections=THREADS,
            )
            try:
                session = boto3.session.Session(profile_name=self._profile or None, region_name=self._region or None)
                self._client = session.client("secretsmanager", endpoint_url=self._endpoint or None, config=settings)
            except (BotoCoreError, ValueError) as error:
                raise Failed(aws_errors.of_way(error, self._endpoint), everywhere=True) from None
        return self._client


def _missing(message: str, remedy: str) -> Problem:
    return Problem("SEC-003", message, remedy)


def _names(names: Iterable[Any]) -> str:
    """Names of what is there, which are no secret."""
    return ", ".join(sorted(map(str, names)))[:200] or "none"


def _secret(reference: Reference) -> AwsSecret:
    return AwsSecret(reference["secret_id"], reference.get("version_id") or "", reference.get("version_stage") or "")


def _value(request: AwsRequest, answer: Mapping[str, Any] | Problem) -> str | Problem:
    """What a request asks for, out of an answer; in the form in which it travels."""
    if isinstance(answer, Problem):
        return answer
    name, written = request.secret, answer.get("SecretString")
    if written is None:
        if request.field or not request.opaque:
            return _missing(f"{name} is binary", "Only a key of kind file may be bytes, and has no fields; store text.")
        return as_text(bytes(answer.get("SecretBinary") or b"")) or _missing(f"{name} is empty", "Write its value.")
    value = written
    if request.field:
        try:
            fields = json.loads(written)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, Mapping):
            return _missing(f"{name} is no JSON object, and has no field {request.field}", "Remove field, or store key and value.")
        if fields.get(request.field) is None:
            return _missing(f"{name} has no field {request.field}", f"Write it, or name another field; there are: {_names(fields)}.")
        value = text_of(fields[request.field])
        if value is None:
            return no_text(str(request), fields[request.field])
    if request.encoding:
        return decoded(value) or _missing(f"{request} is empty or not base64", "Write it so, or remove encoding from the key.")
    if not value.strip():
        return _missing(f"{request} is empty", "Write its value.")
    return as_text(value.encode("utf-8", "surrogatepass")) if "\0" in value else str(value)
