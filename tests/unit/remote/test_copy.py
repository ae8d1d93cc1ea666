# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import io
import os
import subprocess
import zipfile
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.avsctl import install
from ansible_collections.restaking.avs.plugins.plugin_utils.remote import copy
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.copy import copy_name, died, is_missing, module_said, said, start

# More than a pipe holds: who does not read it breaks the writer's connection.
CALL = '{"document": "' + "x" * 2_000_000 + '"}'


def shell(name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", start(name)], input=CALL, capture_output=True, text=True, check=False)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(copy, "FOLDER", str(tmp_path))
    return tmp_path / "copy"


def program(place: Path, text: str, mode: int = 0o755) -> subprocess.CompletedProcess[str]:
    place.write_text(text)
    place.chmod(mode)
    return shell("copy")


def test_the_name_is_one_the_host_takes() -> None:
    assert install.COPY.fullmatch(copy_name(""))
    assert copy_name("/usr/bin/python3") == copy_name("/usr/bin/python3") != copy_name("/usr/bin/python3.13")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"module_utils/a.py": "1"}, {"module_utils/a.py": "2"}),
        ({"module_utils/a.py": "1"}, {"module_utils/b.py": "1"}),
        ({"plugin_utils/avsctl/main.py": "1"}, {"plugin_utils/avsctl/main.py": "2"}),
        # Below folders: where a file lies counts, and what it is called, however deep.
        ({"module_utils/x/a.py": "1"}, {"module_utils/x/a.py": "2"}),
        ({"module_utils/x/a.py": "1"}, {"module_utils/y/a.py": "1"}),
        ({"module_utils/x/a.py": "1", "module_utils/y/a.py": "2"}, {"module_utils/x/a.py": "2", "module_utils/y/a.py": "1"}),
        ({"module_utils/x/y/a.py": "1"}, {"module_utils/x/a.py": "1"}),
        ({"module_utils/x/y/a.py": "1"}, {"module_utils/x/y/a.py": "2"}),
        ({"module_utils/x/__init__.py": ""}, {"module_utils/x/a.py": ""}),
    ],
)
def test_other_code_has_another_name(tmp_path: Path, one: dict[str, str], other: dict[str, str]) -> None:
    names = set()
    for number, files in enumerate((one, other)):
        for file, text in files.items():
            path = tmp_path / str(number) / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert set(files.items()) <= set(copy.sources(tmp_path / str(number)).items())
        names.add(copy_name("", tmp_path / str(number)))
    assert len(names) == 2


def test_the_code_is_read_and_digested_once(monkeypatch: pytest.MonkeyPatch) -> None:
    copy.code()
    monkeypatch.setattr(copy.hashlib, "sha256", None)
    monkeypatch.setattr(Path, "rglob", None)
    assert copy.code(copy._PLUGINS) == copy.code() and copy.sources(copy._PLUGINS) is copy.sources()


def test_the_archive_is_the_whole_tree_and_always_the_same() -> None:
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(copy.archive()))) as packed:
        held = {name: packed.read(name).decode() for name in packed.namelist()}
    plugins = Path(copy.__file__).parents[2]
    wanted = [*(plugins / "module_utils").rglob("*.py"), *(plugins / "plugin_utils/avsctl").glob("*.py")]
    assert held == copy.sources()
    packages = {"__init__.py", "module_utils/__init__.py", "plugin_utils/__init__.py"}
    assert set(held) == packages | {path.relative_to(plugins).as_posix() for path in wanted}
    assert copy.archive() == copy.archive()


def test_no_copy_no_answer_and_nothing_breaks(place: Path) -> None:
    done = shell("copy")
    assert is_missing(done.returncode) and said(done.stdout) is None


@pytest.mark.parametrize(("text", "mode"), [("#!/nonexistent/python3\n", 0o755), ("#!/bin/sh\n", 0o644)])
def test_a_copy_that_cannot_be_started_is_none(place: Path, text: str, mode: int) -> None:
    done = program(place, text, mode)
    assert is_missing(done.returncode) and said(done.stdout) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_nothing_of_somebody_elses_is_run(place: Path) -> None:
    place.write_text(f"#!/bin/sh\ntouch {place}.ran\n")
    place.chmod(0o755)
    os.chown(place, 65534, 65534)
    assert is_missing(shell("copy").returncode)
    os.chown(place, 0, 0)
    os.chown(place.parent, 65534, 65534)
    assert is_missing(shell("copy").returncode) and not Path(f"{place}.ran").exists()


@pytest.mark.parametrize(
    "printed",
    [
        '{"changed": false}',
        'welcome {\n{"changed": false}\n',
        '{"host": "x"}\n{"changed": false}\n{half\n{"bye": 1}\n',
        '{"changed": false, "add_host": {"host_name": "x"}, "_ansible_notify": ["x"], "ansible_facts": {}, "results": 1}',
    ],
)
def test_the_answer_is_found_and_nothing_but_it(printed: str) -> None:
    assert said(printed) == {"changed": False}


@pytest.mark.parametrize("printed", ["", "welcome", "{}", '{"changed"', "[1]"])
def test_other_output_is_no_answer(printed: str) -> None:
    assert said(printed) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat >/dev/null; kill -9 $$", "ended with 137: "),
        ("exit 3", "ended with 3: no message"),
        ("echo first >&2; echo ZipImportError: bad >&2; exit 1", "ended with 1: ZipImportError: bad"),
        ("cat >/dev/null", "ended with 0: no message"),
    ],
)
def test_one_that_died_is_named(place: Path, text: str, expected: str) -> None:
    done = program(place, f"#!/bin/sh\n{text}\n")
    assert said(done.stdout) is None and not is_missing(done.returncode)
    result = died(done.returncode, done.stderr, "copy")
    assert result["failed"] is True and str(place) in result["msg"] and expected in result["msg"]


class Event:
    def __init__(self, msg: str, trace: str = "") -> None:
        self.event = self
        self.msg, self.formatted_traceback = msg, trace


def test_of_a_modules_result_the_named_fields_are_taken_and_nothing_is_changed() -> None:
    warnings = [Event("one"), "two"]
    returned = {"changed": True, "instances": [], "findings": [], "warnings": warnings, "add_host": {}, "invocation": {}, "_ansible_parsed": True,
                "ansible_facts": {"discovered_interpreter_python": "/usr/bin/python3", "made_up": 1}}  # fmt: skip
    before = dict(returned)
    answer, told, errors = module_said(returned, "h")
    assert answer == {
        "changed": True,
        "instances": [],
        "findings": [],
        "ansible_facts": {"discovered_interpreter_python": "/usr/bin/python3"},
    }
    assert told == ["one", "two"] and errors == "" and returned == before and returned["warnings"] is warnings and len(warnings) == 2


@pytest.mark.parametrize("captured", [Event("died over it", "Traceback\n  line"), "Traceback\n  line\ndied over it"])
def test_of_a_module_that_died_one_line_is_told_and_the_rest_on_request(captured: object) -> None:
    returned = {"failed": True, "msg": "died", "exception": captured, "module_stderr": "noise\nlast words"}
    answer, _told, errors = module_said(returned, "h")
    assert answer == {
        "failed": True,
        "msg": "the module failed on h: died over it last words; how far it came is not known, "
        "run again (-vvv with ANSIBLE_DISPLAY_TRACEBACK=error shows where it died)",
    }
    assert "Traceback" in errors and "noise" in errors
