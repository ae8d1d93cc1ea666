# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.docker.remedies import remedy_for
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.bring_up import refused


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (
            "failed to create network x: could not find an available, non-overlapping IPv4 address pool among the defaults",
            "default-address-pools",
        ),
        ("all predefined address pools have been fully subnetted", "docker_daemon_options"),
        ("write /var/lib/docker/tmp/x: no space left on device", "docker system df"),
        ("driver failed programming external connectivity: Bind for 0.0.0.0:80 failed: port is already allocated", "ss -ltnup"),
        ("Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use", "ss -ltnup"),
        ("failed to bind host port 0.0.0.0:80/tcp: address already in use", "ss -ltnup"),
        ("Address already in use", "docker network inspect"),
        ("unable to find user foo: no matching entries in passwd file", "runtime.yml"),
        ("Unable to find group nogrp: no matching entries in group file", "runtime.yml"),
    ],
)
def test_words_of_the_engine_that_a_person_can_do_something_about(words: str, remedy: str) -> None:
    (found,) = refused("a-1", words).findings
    assert remedy in found.remedy and words in found.message


def test_other_words_keep_the_remedy_of_the_rule() -> None:
    assert remedy_for("exec format error") is None
    (found,) = refused("a-1", "exec format error").findings
    assert found.remedy
