# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may follow in a line that is typed, asked of the program, and by bash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.avsctl.launcher import place_completion
from ansible_collections.restaking.avs.plugins.module_utils.instance import store
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl import completion
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.people import COMMANDS, main, parser

NAMES = sorted(command.name for command in COMMANDS)
IDS = ["demo-avs-op1", "demo-avs-op2", "other-x"]


@pytest.fixture(autouse=True)
def ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Store(str(tmp_path / "lib"))
    for name in IDS:
        host.instance(name).make()
    monkeypatch.setattr(store, "Store", lambda: host)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], NAMES),
        ([""], NAMES),
        (["l"], ["logs", "ls"]),
        (["--"], ["--help", "--json"]),
        (["--json", "st"], [name for name in NAMES if name.startswith("st")]),
        (["status", ""], IDS),
        (["status", "demo"], IDS[:2]),
        (["status", IDS[0], ""], IDS[1:]),
        (["status", "--j"], ["--json"]),
        (["logs", ""], IDS),
        (["logs", IDS[0], ""], []),
        (["logs", "--follow", "o"], ["other-x"]),
        (["logs", "-"], ["--follow", "--help", "--json", "--service", "--since", "--tail", "--timestamps"]),
        (["logs", "--tail", ""], []),
        (["ls", ""], []),
        (["unheard-of", ""], []),
        (["history", "\x1b"], []),
    ],
)
def test_what_may_follow(words: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["__complete", *words]) == 0
    assert capsys.readouterr().out.splitlines() == expected


def test_without_root_there_are_commands_and_no_ids(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(_self: Store) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Store, "ids", refused)
    assert main(["__complete", "status", ""]) == main(["__complete", ""]) == 0
    assert capsys.readouterr().out.splitlines() == NAMES
    assert completion.candidates(["history", "d"], COMMANDS, parser(COMMANDS)) == []


@pytest.mark.parametrize(
    ("line", "expected"), [("avsctl ", NAMES), ("avsctl l", ["logs", "ls"]), ("avsctl status --js", ["--json"]), ("avsctl ls ", [])]
)
def test_bash_asks_the_program(tmp_path: Path, line: str, expected: list[str]) -> None:
    folder = tmp_path / "pro gram"
    launcher, script = folder / "avsctl", tmp_path / "share/completions/avsctl"
    folder.mkdir()
    collections = os.environ["ANSIBLE_COLLECTIONS_PATH"]
    code = f"import sys; sys.path.insert(0, {collections!r}); from {main.__module__} import main; sys.exit(main(sys.argv[1:]))"
    launcher.write_text(f"#!{sys.executable}\n{code}\n")
    launcher.chmod(0o755)
    assert place_completion(str(script), str(launcher))
    asked = (
        f'set -eu; source "{script}"; complete -p avsctl >/dev/null; COMP_LINE=\'{line}\'; read -ra COMP_WORDS <<<"$COMP_LINE"; '
        '[[ $COMP_LINE != *" " ]] || COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _avsctl; '
        'printf "%s\\n" ${COMPREPLY[@]+"${COMPREPLY[@]}"}'
    )
    out = subprocess.run(["bash", "--norc", "-c", asked], capture_output=True, text=True, check=True)
    assert (out.stdout.split(), out.stderr) == (expected, "")
