# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts keep the library they were sent: who answers a call, and that the answer is the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.support import Fleet, Host, Result

FOLDER = "/usr/local/lib/avs"
COPY, MODULE = "avsctl", "module"


def copies(host: Host) -> list[str]:
    return host.run(f"find {FOLDER} -type f 2>/dev/null | sort", check=False).split()


def answered(host: Host, run: Any) -> tuple[Result, list[str]]:
    """A run's result, and who answered its calls."""
    since = host.now()
    return run(), host.answered(since)


def outcome(result: Result, host: Host) -> dict[str, Any]:
    """Of the reconcile task all but what names this very run."""
    whole = result.reconcile(host.name)
    return {name: value for name, value in whole.items() if name not in ("action", "_ansible_no_log", "invocation")}


@contextmanager
def user(host: Host, name: str) -> Iterator[dict[str, Any]]:
    """Variables for logging in as somebody who may become root with a password, and not otherwise."""
    host.run(
        f"useradd -m -s /bin/sh {name} && echo {name}:becoming | chpasswd && echo '{name} ALL=(ALL) ALL' >/etc/sudoers.d/{name} "
        f"&& install -d -m 700 -o {name} /home/{name}/.ssh && install -m 600 -o {name} /root/.ssh/authorized_keys /home/{name}/.ssh/"
    )
    try:
        yield {"ansible_user": name, "ansible_become_password": "becoming"}
    finally:
        host.run(f"rm -f /etc/sudoers.d/{name}; pkill -u {name}; sleep 0.5; userdel -rf {name} 2>/dev/null; true")


def test_a_copy_is_kept_by_a_run_that_succeeds_and_answers_from_then_on(fleet: Fleet, demo: Any) -> None:
    host, entry = fleet.first, demo("kept", 30)

    def install(*arguments: str, **changes: Any) -> tuple[Result, list[str]]:
        changed = {**entry, "options": {**entry["options"], **changes}}
        return answered(host, lambda: fleet.play("install", {host.name: [changed]}, *arguments))

    check, by = install("--check")
    assert check.code == 0 and copies(host) == [] and by == [MODULE, MODULE]
    refused, by = install(**{"gateway-timeout": "never"})
    assert refused.code != 0 and copies(host) == []
    first, by = install()
    assert first.code == 0 and first.reconcile(host.name)["changed"] is True and by == [MODULE, MODULE]
    (kept,) = copies(host)
    # And for a person on the host there is what starts it.
    (told,) = json.loads(host.run("avsctl status --json"))["instances"]
    assert (told["id"], told["health"]["status"]) == ("demo-avs-kept", "healthy") and "demo-avs-kept" in host.run("avsctl ls")
    assert "demo-avs-kept" in host.run("avsctl __complete logs ''") and "outcome: done" in host.run("avsctl history demo-avs-kept")

    again, by = install()
    assert again.code == 0 and again.stats[host.name]["changed"] == 0 and by == [COPY]
    announced, by = install("--check", "--diff", **{"gateway-timeout": 4.5})
    assert announced.reconcile(host.name)["changed"] is True and by == [COPY, COPY]
    changed, by = install("--diff", **{"gateway-timeout": 4.5})
    assert changed.code == 0 and by == [COPY, COPY]
    (planned,), (done,) = (run.reconcile(host.name)["instances"] for run in (announced, changed))
    assert planned["actions"] == done["actions"] and done["actions"]

    # The same question by either way.
    copy, by = install("--check", "--diff", **{"gateway-timeout": 5.5})
    assert by == [COPY, COPY]
    host.run(f"rm {kept}")
    module, by = install("--check", "--diff", **{"gateway-timeout": 5.5})
    assert by == [MODULE, MODULE] and outcome(module, host) == outcome(copy, host)


@pytest.mark.parametrize("damage", ["truncate -s -2000 {copy}", "sed -i '1s#.*#\\#!/nonexistent/python3 -I#' {copy}", "rm {copy}"])
def test_a_copy_that_is_of_no_use_is_made_anew(fleet: Fleet, demo: Any, damage: str) -> None:
    host, entry = fleet.first, demo("anew", 31)

    def install() -> tuple[Result, list[str]]:
        return answered(host, lambda: fleet.play("install", {host.name: [entry]}))

    assert install()[0].code == 0
    (copy,) = copies(host)
    host.run(damage.format(copy=copy))
    mended, by = install()
    assert mended.code == 0 and by == [MODULE] and mended.stats[host.name]["changed"] == 0
    assert install()[1] == [COPY]


def test_a_copy_that_dies_at_work_is_named(fleet: Fleet, demo: Any) -> None:
    """A first call without an answer is put to a module; of a second one nobody knows how far it came."""
    host, entry = fleet.first, demo("dies", 32)
    assert fleet.play("install", {host.name: [entry]}).code == 0
    (copy,) = copies(host)
    host.run(
        f"mv {copy} /root/real.pyz && printf '%s\\n' '#!/bin/sh' 'cat >/run/call' 'if grep -q \\\"complete.:.true /run/call' "
        f"'then rm /run/call; kill -9 $$; fi' '/root/real.pyz </run/call; rm /run/call' >{copy} && chmod 755 {copy}"
    )
    try:
        changed = {**entry, "options": {**entry["options"], "gateway-timeout": 4.5}}
        died = fleet.play("install", {host.name: [changed]})
        assert died.code != 0 and f"{copy} ended with 137" in died.message(host.name)
    finally:
        host.run(f"mv -f /root/real.pyz {copy}; rm -f /run/call")
    assert fleet.play("install", {host.name: [changed]}).code == 0


def test_a_user_who_becomes_root(fleet: Fleet, demo: Any) -> None:
    host, entry = fleet.first, demo("sudo", 33)
    with user(host, "avs-ops") as login:

        def install() -> tuple[Result, list[str]]:
            return answered(
                host,
                lambda: fleet.play(
                    "install", {host.name: [entry]}, "-e", "avs_become=true", "-e", f"ansible_user={login['ansible_user']}", variables=login
                ),
            )

        first, _by = install()
        assert first.code == 0, first.output[-4000:]
        again, by = install()
        assert again.code == 0 and again.stats[host.name]["changed"] == 0 and by == [COPY]


def test_a_task_with_an_environment_is_a_modules(fleet: Fleet, demo: Any, tmp_path: Any) -> None:
    host, entry = fleet.first, demo("env", 34)
    assert fleet.play("install", {host.name: [entry]}).code == 0
    play = tmp_path / "play.yml"
    play.write_text("- hosts: avs_hosts\n  gather_facts: false\n  roles: [restaking.avs.node]\n  environment: {NO_PROXY: '*'}\n")
    result, by = answered(host, lambda: fleet.play(str(play), {host.name: [entry]}))
    assert result.code == 0 and by == [MODULE]
