# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWS Secrets Manager of a test's own on loopback, played by moto."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

REGION = "eu-central-1"


class SecretsManager:
    """A running service; ``environment`` lets a run in, ``variables`` say where it is."""

    def __init__(self) -> None:
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        self.url = "http://{}:{}".format(*self.server.get_host_and_port())
        self.variables = {"avs_aws_region": REGION, "avs_aws_endpoint": self.url}
        self.environment = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}
        self.client: Any = boto3.client(
            "secretsmanager", region_name=REGION, endpoint_url=self.url, aws_access_key_id="testing", aws_secret_access_key="testing"
        )

    def put(self, name: str, value: str | bytes | dict[str, str]) -> str:
        """Write a secret or its next version; returns the version's id."""
        given = (
            {"SecretBinary": value}
            if isinstance(value, bytes)
            else {"SecretString": value if isinstance(value, str) else json.dumps(value)}
        )
        try:
            return str(self.client.create_secret(Name=name, **given)["VersionId"])
        except self.client.exceptions.ResourceExistsException:
            return str(self.client.put_secret_value(SecretId=name, **given)["VersionId"])

    def reset(self) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST"), timeout=20).close()

    def stop(self) -> None:
        self.server.stop()
