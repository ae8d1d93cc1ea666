# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.policy.image_labels import judge_image_labels

from tests.unit.support.models import model, told


@pytest.mark.parametrize(
    ("labels", "service", "rules"),
    [
        ({"org.opencontainers.image.title": "a", "com.docker.compose.project": "built-by-compose", "avs.team": "x"}, {}, []),
        ({"io.buildah.version": "1.30", "com.example.built-on": "x", "maintainer": "y"}, {}, []),
        ({"traefik.enable": "true"}, {}, ["PRIV-002"]),
        ({"traefik.enable": "true"}, {"labels": {"traefik.enable": "false"}}, []),
        ({"com.centurylinklabs.watchtower.enable": "true"}, {}, ["UPG-001"]),
        ({"ofelia.job-local.x.command": "reboot"}, {"labels": {"a": "b"}}, ["PRIV-002"]),
        ({"traefik.enable": "true"}, {"image": "other:1"}, []),
    ],
)
def test_labels_of_an_image(labels: dict[str, str], service: dict[str, Any], rules: list[str]) -> None:
    found = list(judge_image_labels("x", model(node=service), {"demo:1.0.0": labels}))
    assert told(found) == [(rule, "error", "services.node.image") for rule in rules]
