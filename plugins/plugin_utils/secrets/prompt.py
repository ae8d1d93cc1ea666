# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The source ``prompt``: what the operator types, hidden, once a run.

The worker that needs an answer first asks through Ansible's main process, which has the terminal; the others find the answer in memory that
all of them inherit. It lies in no file, and goes with the run.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ...module_utils.common.harmless import harmless
from ..parsing import schema
from ..parsing.schema import text
from .base import Problem, Request
from .run_folder import RunMemory
from .source import Fields, Reference, Surroundings, Unnumbered, Written

# The memory of each run, by its temp folder.
_answers: dict[str, RunMemory] = {}
_LOCK = "answers"
# No question is called so: names are printable.
_INTERRUPTED = "\0interrupted"
_TRIES = 3
# Seconds in which the main process ends the workers of a run that was interrupted. One that is ended while it reports leaves the lock of
# the queue it reports by behind, and the main process would wait for that lock for ever; so whoever is to be ended keeps still.
GRACE = 10
_PROMPT = {
    "prompt": Written(schema.line, "text", "What is asked. By default whose secret it is."),
    "confirm": Written(schema.boolean, "boolean", "Ask twice, and compare. Default `false`."),
}
_NAME = text(lambda value: bool(value) and value.isprintable() and len(value) <= 100, "the name of a question")


class NoTerminal(Exception):
    """There is nobody to ask."""


class Interrupted(Exception):
    """The operator would not answer (Ctrl-C)."""


@dataclass(frozen=True)
class PromptRequest(Request):
    """``question`` tells questions apart: it is asked once, whoever wants its answer."""

    source: ClassVar[str] = "prompt"

    question: str
    prompt: str
    confirm: bool = False

    def __str__(self) -> str:
        return f"the answer to {self.prompt}"


class Prompt(Unnumbered):
    name = "prompt"
    about = "typed by the operator, hidden, once a run"
    option_fields: ClassVar[Fields] = {
        "name": Written(_NAME, "text", "Entries with the same name share one question. By default each instance and secret has its own."),
        **_PROMPT,
    }
    key_fields = _PROMPT

    @classmethod
    def of_option(cls, reference: Reference, owner: str) -> PromptRequest:
        name = reference.get("name")
        return _request(reference, f"shared {name}" if name else owner, name or owner)

    @classmethod
    def of_key(cls, reference: Reference, owner: str, opaque: bool, line: bool) -> tuple[PromptRequest, None]:
        return _request(reference, owner, owner), None

    def __init__(self, run: Surroundings, ask: Callable[[str], bytes] | None = None) -> None:
        super().__init__(run)
        self._ask = ask or ask_operator
        self._own: dict[str, Any] = {}

    def value(self, request: PromptRequest) -> str | Problem:
        memory = _answers.get(str(self.run.folder.root))
        with self.run.folder.locked(_LOCK):
            known = memory.read() if memory is not None else self._own
            if request.question not in known and _INTERRUPTED not in known:
                try:
                    known[request.question] = self._asked(request)
                except Interrupted:
                    known[_INTERRUPTED] = _problem("it was not typed: the operator interrupted the run", "Run again.")
                if memory is not None:
                    memory.write(known)
                if _INTERRUPTED in known:
                    _end_run()
        # One who interrupted is not asked for the rest either.
        answer = known.get(request.question) or known[_INTERRUPTED]
        if "value" in answer:
            return str(answer["value"])
        if answer == known.get(_INTERRUPTED):
            time.sleep(GRACE)
        return Problem(**answer)

    def _asked(self, request: PromptRequest) -> dict[str, str]:
        """``{value}``, or the fields of a ``Problem``. Raises ``Interrupted``."""
        try:
            return _answer(self._ask, request)
        except NoTerminal:
            return _problem(
                f"{request.prompt}: it is to be typed, and this run has no terminal to ask on",
                "Run ansible-playbook in the foreground of a terminal; where nobody sits (cron, AWX, CI), use another source: vault, aws, file.",
            )


def _request(reference: Reference, question: str, text: str) -> PromptRequest:
    return PromptRequest(question, harmless(reference.get("prompt") or text), bool(reference.get("confirm")))


def _answer(ask: Callable[[str], bytes], request: PromptRequest) -> dict[str, str]:
    for number in range(_TRIES):
        typed = ask(f"{'The answers differ. ' if number else ''}{request.prompt} (hidden):")
        if request.confirm and ask(f"{request.prompt} (hidden, once more):") != typed:
            continue
        if not typed.strip():
            return _problem(f"{request.prompt}: nothing was typed", "Run again, and type it.")
        try:
            return {"value": typed.decode("utf-8")}
        except UnicodeDecodeError:
            return _problem(f"{request.prompt}: what was typed is not UTF-8 text", "Set the terminal to UTF-8.")
    return _problem(f"{request.prompt}: the two answers differed, {_TRIES} times", "Run again.")


def _problem(message: str, remedy: str) -> dict[str, str]:
    return {"rule": "SEC-003", "message": message, "remedy": remedy}


def ask_operator(text: str) -> bytes:
    """What is typed, asked by Ansible's main process: workers have no terminal. Raises ``NoTerminal`` and ``Interrupted``."""
    from ansible.errors import AnsibleError, AnsiblePromptInterrupt
    from ansible.utils.display import Display

    try:
        return bytes(Display().prompt_until(text, private=True))
    except AnsiblePromptInterrupt:
        raise Interrupted from None
    except AnsibleError:
        # Not only what has no terminal: a terminal may be gone, or not ours to read from.
        raise NoTerminal from None


def _end_run() -> None:
    """What Ctrl-C does anywhere else in a run; while it asks, Ansible takes the key for itself."""
    main = multiprocessing.parent_process()
    if main is not None and main.pid is not None:
        os.kill(main.pid, signal.SIGINT)


def keep_answers(root: str) -> None:
    """Have the run with this temp folder keep what is typed. Only the main process can do this, before it forks."""
    if multiprocessing.parent_process() is None and root not in _answers:
        _answers[root] = RunMemory()
