# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The copy of the library a host keeps (``module_utils/avsctl/install.py``): its name, how it is started, what it said."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...module_utils.avsctl.install import FOLDER

_PLUGINS = Path(__file__).parents[2]
_ROOMS = ("module_utils", "plugin_utils/avsctl")
# Folders of the collection that are packages there without a file that says so.
_PACKAGES = ("", "module_utils/", "plugin_utils/")
# What a shell ends with that finds no such program, or one it cannot start.
_MISSING = (126, 127)
# Root runs what is root's. Input that nobody reads would look like a broken connection; and the outer shell is not to end here,
# because Ansible has it do one thing more.
_START = 'if [ -O {folder} ] && [ -O {path} ] && [ -x {path} ]; then {path}; else (exit 127); fi; code=$?; cat >/dev/null; (exit "$code")'
# A host says what became of its instances, and nothing else: Ansible acts on some other names.
_TOLD = ("changed", "failed", "msg", "findings", "instances", "unlisted", "diff", "needs", "held", "going_on", "unknown", "installed")
_UNKNOWN = "how far it came is not known"
_INTERPRETER = "discovered_interpreter_"


def sources(plugins: Path = _PLUGINS) -> Mapping[str, str]:
    """Path below ``plugins`` -> source of all a copy holds: the host library, and what passes a call on to it.

    Read once a process, so that a copy is what its name says even if the collection is replaced meanwhile.
    """
    return _sources(plugins)


# A cache knows a call without its default from one with it: the default stands before it, or what a run's main process made for its workers
# is made anew in each of them.
@functools.cache
def _sources(plugins: Path) -> Mapping[str, str]:
    found = {f"{folder}__init__.py": "" for folder in _PACKAGES}
    for room in _ROOMS:
        for path in sorted((plugins / room).rglob("*.py")):
            found[path.relative_to(plugins).as_posix()] = path.read_text(encoding="utf-8")
    return found


def code(plugins: Path = _PLUGINS) -> str:
    """SHA-256 of the sources, hex: other code, or the same under other paths, has another."""
    return _code(plugins)


@functools.cache
def _code(plugins: Path) -> str:
    return hashlib.sha256(json.dumps(sources(plugins), sort_keys=True).encode()).hexdigest()


def copy_name(interpreter: str, plugins: Path = _PLUGINS) -> str:
    """Of the copy of this very code for a Python the inventory names: other code, other name."""
    text = json.dumps([interpreter, code(plugins)])
    return f"avsctl-{hashlib.sha256(text.encode()).hexdigest()[:16]}.pyz"


def archive(plugins: Path = _PLUGINS) -> str:
    """The sources for a host to compile and keep: a zip archive in base64, some 370 KiB. They find each other as in the collection."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        for name, source in sorted(sources(plugins).items()):
            out.writestr(zipfile.ZipInfo(name), source, zipfile.ZIP_DEFLATED)
    return base64.b64encode(packed.getvalue()).decode("ascii")


def start(name: str) -> str:
    """A command for the host's shell that starts the copy, or reads its input and ends as if there was none."""
    return _START.format(folder=FOLDER, path=f"{FOLDER}/{name}")


def said(output: str) -> dict[str, Any] | None:
    """The result among what a login and the copy printed, ``None`` where there is none."""
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            with contextlib.suppress(ValueError):
                result = json.loads(line)
                if "changed" in result or "failed" in result:
                    return {name: value for name, value in result.items() if name in _TOLD}
    return None


def module_said(returned: Mapping[str, Any], host: str) -> tuple[dict[str, Any], list[str], str]:
    """What a module's result says: the fields a host may tell, its warnings as texts, and what it died of.

    ``returned`` is Ansible's own, with objects of a core's choice in it; nothing of it is changed, and nothing but what is named here is
    passed on. A module that died says no ``findings``: what is known of it is put into words.
    """
    answer = {name: value for name, value in returned.items() if name in _TOLD}
    interpreter = {name: value for name, value in (returned.get("ansible_facts") or {}).items() if name.startswith(_INTERPRETER)}
    if interpreter:
        # Which Python was found on the host: without it the next task would look for one again.
        answer["ansible_facts"] = interpreter
    warnings = [_event_text(item) for item in returned.get("warnings") or ()]
    if not answer.get("failed") or "findings" in answer:
        return answer, warnings, ""
    captured = returned.get("exception")
    why = _event_text(captured) or str(returned.get("msg") or "") or "no message"
    details = [str(returned[name]).strip() for name in ("module_stderr", "module_stdout") if returned.get(name)]
    if details:
        why = f"{why} {last_line(details[0])}"
    unknown = "" if _UNKNOWN in why else f"; {_UNKNOWN}, run again (-vvv with ANSIBLE_DISPLAY_TRACEBACK=error shows where it died)"
    answer["msg"] = f"the module failed on {host}: {why}{unknown}"
    trace = str(getattr(getattr(captured, "event", None), "formatted_traceback", None) or (captured if isinstance(captured, str) else ""))
    return answer, warnings, "\n".join([trace, *details]).strip()


def _event_text(item: Any) -> str:
    """The message of a warning or an error as ansible-core hands it over: an object with an event, or a text (of a traceback, the last line)."""
    if item is None:
        return ""
    event = getattr(item, "event", None)
    return str(getattr(event, "msg", "")) if event is not None else str(item).strip().rpartition("\n")[2]


def died(code: int, errors: str, name: str) -> dict[str, Any]:
    """A result for a command that printed none: what is known of it."""
    text = f"{FOLDER}/{name} ended with {code}: {last_line(errors)}; {_UNKNOWN}, run again"
    return {"failed": True, "msg": text}


def last_line(errors: str) -> str:
    return (errors.strip() or "no message").splitlines()[-1]


def is_missing(code: int) -> bool:
    """Whether there is no copy, or none this host can start."""
    return code in _MISSING
