# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What went wrong between us and AWS Secrets Manager, in words that say what to do and hold no value."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from ..parsing.text import scrub
from .base import Problem


def deleted(secret_id: str) -> Problem:
    message = f"{secret_id} is scheduled for deletion"
    return Problem("SEC-003", message, f"aws secretsmanager restore-secret --secret-id {secret_id}, or name another.")


# Code of an answer -> rule, message, remedy, whether it holds whatever is asked.
_EXPIRED = ("SEC-002", "the AWS credentials have expired", "Log in again (aws sso login, or new session credentials).", True)
_UNKNOWN = ("SEC-002", "AWS does not accept the credentials", "Check the keys, the session token and the controller's clock.", True)
_BUSY = ("SEC-001", "AWS Secrets Manager limits the rate of requests, after several tries", "Run again later.", True)
_BROKEN = ("SEC-001", "AWS Secrets Manager in {region} failed, after several tries", "Run again later.", True)
_DENIED = ("SEC-002", "permission denied to read {secret}", "Allow secretsmanager:DescribeSecret and secretsmanager:GetSecretValue for it"
           " (and kms:Decrypt, where the KMS key is your own).", False)  # fmt: skip
_MISSING = ("SEC-003", "there is no secret {secret} in the region {region}",
            "Write it there, or correct secret_id, version_id or avs_aws_region.", False)  # fmt: skip
_ANSWERS: Mapping[str, tuple[str, str, str, bool]] = {
    **dict.fromkeys(("AccessDeniedException", "AccessDenied"), _DENIED),
    "ResourceNotFoundException": _MISSING,
    "DecryptionFailure": ("SEC-002", "{secret} cannot be decrypted with its KMS key", "Allow kms:Decrypt, and enable the key.", False),
    **dict.fromkeys(("ExpiredTokenException", "ExpiredToken", "RequestExpired"), _EXPIRED),
    **dict.fromkeys(("UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch",
                     "IncompleteSignature", "MissingAuthenticationToken", "OptInRequired"), _UNKNOWN),
    **dict.fromkeys(("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"), _BUSY),
    **dict.fromkeys(("InternalServiceError", "InternalFailure", "ServiceUnavailable", "500", "502", "503", "504"), _BROKEN),
}  # fmt: skip


def of_answer(secret_id: str, version: str, code: str, region: str) -> tuple[Problem, bool]:
    """What the service answered, in our words, and whether it holds whatever is asked. Its own may name whom it refuses, and repeat what it
    was sent."""
    secret = f"{secret_id} version {version}" if version else secret_id
    if code == "InvalidRequestException":
        return deleted(secret_id), False
    if code not in _ANSWERS:
        # A code is a word; whoever answers in place of AWS may say what they like.
        word = code if re.fullmatch(r"[A-Za-z0-9.]{1,60}", code) else "the answer is not that of AWS Secrets Manager"
        return Problem("SEC-003", f"{secret} cannot be read: {word}", "Correct secret_id and its version, and avs_aws_endpoint."), False
    rule, message, remedy, everywhere = _ANSWERS[code]
    return Problem(rule, message.format(secret=secret, region=region), remedy), everywhere


_NETWORK = "Check the network, avs_aws_region and avs_aws_endpoint."
# By the name of the exception of botocore, and then those of its parents.
_WAYS: Mapping[str, tuple[str, str, str]] = {
    "NoCredentialsError": ("SEC-002", "there are no AWS credentials", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or avs_aws_profile, or use a role."),
    "PartialCredentialsError": ("SEC-002", "the AWS credentials are incomplete", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY both."),
    "ProfileNotFound": ("SEC-002", "there is no such AWS profile", "Correct avs_aws_profile (or AWS_PROFILE), or add it to ~/.aws/config."),
    "CredentialRetrievalError": ("SEC-002", "the AWS credentials cannot be had", "Check the credential process or role of the profile."),
    **dict.fromkeys(("SSOError", "SSOTokenLoadError", "TokenRetrievalError"), ("SEC-002", "the AWS login has ended", "aws sso login")),
    "NoRegionError": ("SEC-001", "no AWS region is set", "Set avs_aws_region, AWS_REGION or the region of the profile."),
    "InvalidRegionError": ("SEC-001", "the AWS region is not the name of one", "Correct avs_aws_region, like eu-central-1."),
    "SSLError": ("SEC-001", "no TLS session with AWS Secrets Manager that can be trusted", "Check avs_aws_endpoint, or set AWS_CA_BUNDLE to the CA's file."),
    "ProxyConnectionError": ("SEC-001", "the proxy on the way to AWS refuses", "Check HTTPS_PROXY and NO_PROXY."),
    **dict.fromkeys(("ConnectTimeoutError", "ReadTimeoutError"), ("SEC-001", "AWS Secrets Manager did not answer in time", _NETWORK)),
    "ValueError": ("SEC-001", "the AWS endpoint is not an address", "Correct avs_aws_endpoint, like https://vpce.example.org."),
    "BotoCoreError": ("SEC-001", "AWS Secrets Manager cannot be reached", _NETWORK),
}  # fmt: skip


def of_way(error: Exception, endpoint: str) -> Problem:
    """What kept a request from being answered; the words of botocore may hold more than they should."""
    known = next((_WAYS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _WAYS), _WAYS["BotoCoreError"])
    rule, message, remedy = known
    return Problem(rule, f"{message} ({scrub(endpoint)})" if endpoint and rule == "SEC-001" else message, remedy)


def no_role() -> Problem:
    """A request that botocore makes by itself, for credentials, was refused."""
    return Problem("SEC-002", "AWS refuses the role that is to be assumed", "Check role_arn of the profile, and whom the role trusts.")


def foreign(endpoint: str) -> Problem:
    """An answer of somebody else: a login page, a proxy's word, JSON of another service."""
    message = f"{scrub(endpoint)} does not answer like AWS Secrets Manager"
    return Problem(
        "SEC-001", message, "Check avs_aws_endpoint, and whether a proxy or a login page stands before it (HTTPS_PROXY, NO_PROXY)."
    )


def no_library(missing: str | None) -> Problem:
    what = f", which needs {missing}" if missing not in (None, "boto3") else ""
    message = f"the Python package boto3{what} is missing on the controller, in the Python that runs Ansible ({sys.executable})"
    return Problem("SEC-001", message, f"{sys.executable} -m pip install boto3 (or add it to the execution environment).")
