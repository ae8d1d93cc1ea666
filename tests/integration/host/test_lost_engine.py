# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that is gone in the middle: nothing was touched yet, or the answer says what was to be done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Container, Engine
from ansible_collections.restaking.avs.plugins.module_utils.system import scratch
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command

from tests.integration.host.support import Bench


class Dying(Engine):
    """Lists containers until its first one was started and judged healthy."""

    committed: Path

    def containers(self, instance: str | None = None) -> list[Container]:
        if instance is None and self.committed.exists():
            raise HostError("the container engine does not answer")
        return super().containers(instance)


def test_what_was_begun_is_not_denied(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    spec = bench.spec("one", tree, keys)
    engine = Dying(run_command)
    engine.committed = Path(bench.store.instance(spec["id"]).root) / "spec.json"
    bench.engine = engine
    try:
        result: dict[str, Any] = bench.call([spec])
    finally:
        bench.engine = Engine(run_command)
    (entry,) = result["instances"]
    assert (result["failed"], result["changed"], entry["changed"]) == (True, True, True)
    assert "does not answer" in entry["error"] and spec["id"] in result["msg"]
    assert {action["kind"] for action in entry["actions"]} >= {"container", "files", "keys"}
    assert bench.call([spec])["changed"] is False


@pytest.mark.parametrize("question", ["check_versions", "everything", "networks", "inspect_networks", "volumes"])
def test_a_question_nobody_answers_changes_nothing(
    bench: Bench, tree: Path, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch, question: str, tmp_path: Path
) -> None:
    # Not /tmp, where others work at the same time.
    scratch_room = tmp_path / "scratch"
    scratch_room.mkdir()

    def gone(*_arguments: Any) -> Any:
        raise HostError("the container engine does not answer")

    spec = bench.spec("two", tree, keys)
    before = bench.files(), bench.containers()
    with monkeypatch.context() as patch, pytest.raises(HostError, match="does not answer"):
        patch.setattr(bench.engine, question, gone)
        patch.setattr(scratch, "_PARENT", str(scratch_room))
        bench.call([spec])
    assert ((bench.files(), bench.containers()), list(scratch_room.iterdir())) == (before, [])
