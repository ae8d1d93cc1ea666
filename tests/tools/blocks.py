# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fenced blocks of the pages, each with the mark that says how it is tested: ``python -m tests.tools.blocks`` refuses one without.

The mark is a comment on the line before the fence, ``<!-- block: KIND -->``, which no reader of the page sees."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .commands import problems_of

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "sketch": "shows a form, or output; run by nobody",
    "inventory": "variables of the inventory: read by the controller's own code, and built into specs of the example package",
    "inventory install": "the same, and installed on a host of the lab",
    "entry": "fields of an entry of avs_instances, laid over the one README shows",
    "playbook": "a play: its syntax is checked, and its variables are read as an inventory's",
    "playbook package": "a play beside a package: run on the example package",
    "tasks": "tasks: their syntax is checked",
    "profile.yml": "read as a file of a package",
    "runtime.yml": "read as a file of a package",
    "policy": "a policy of the secret store: written into one",
    "job": "extra variables of a job: run with ansible-runner on stand-in hosts",
    "credential": "the injector of a credential type: the environment such a job gets",
    "python": "its imports and the names it calls are there",
    "commands": "commands: programs, playbooks, modules, options and variables are there",
    "commands controller": "the same, and run on the controller, against a lab host called host7",
    "commands host": "the same, and run on a host of the lab",
    "commands runbook": "run on the controller against a lab host with a node that is backed up, one after another as the page has them",
    "commands runbook host": "the same, on that host",
    "commands store": "run against an OpenBao",
}
_MARK = re.compile(r"\s*<!-- block: (?P<kind>[a-z. ]+?) -->\s*")
_FENCE = re.compile(r"(?P<indent> *)(?P<fence>```+)(?P<language>\w*)\s*")
# Commands in a line of text: in backquotes, and a program's name first.
_INLINE = re.compile(r"`((?:make|ansible|ansible-playbook|ansible-galaxy|pip|\.venv/bin/python|python -m tests\.\S+) [^`]+|make [a-z-]+)`")


@dataclass(frozen=True)
class Block:
    """``line`` of the fence, from 1; ``kind`` is empty where the block has no mark."""

    page: str
    line: int
    language: str
    kind: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages(root: Path = ROOT) -> list[Path]:
    """Every page a person reads."""
    return sorted(
        [
            root / "README.md",
            *root.glob("docs/**/*.md"),
            *root.glob("roles/*/README.md"),
            root / "tests/lab/README.md",
            *root.glob("examples/*/README.md"),
        ]
    )


def blocks_of(text: str, page: str) -> Iterator[Block]:
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        opening = _FENCE.fullmatch(lines[number])
        if opening is None:
            number += 1
            continue
        start = number
        number += 1
        while number < len(lines) and lines[number].strip() != opening["fence"]:
            number += 1
        mark = _MARK.fullmatch(lines[start - 1]) if start else None
        body = "".join(f"{line.removeprefix(opening['indent'])}\n" for line in lines[start + 1 : number])
        yield Block(page, start + 1, opening["language"], mark["kind"] if mark else "", body)
        number += 1


def all_blocks(*kinds: str, root: Path = ROOT) -> list[Block]:
    """Blocks of all pages, or those of some kinds."""
    found = [block for page in pages(root) for block in blocks_of(page.read_text(encoding="utf-8"), str(page.relative_to(root)))]
    return [block for block in found if not kinds or block.kind in kinds]


def inline_commands(text: str) -> Iterator[tuple[int, str]]:
    """Line and text of each command inside a sentence or a table."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in _INLINE.finditer(line):
            yield number, match[1].replace("\\|", "|")


def problems(root: Path = ROOT) -> list[str]:
    """A line for each block without a mark that is known, and for each command that names what is not there."""
    found = []
    for block in all_blocks(root=root):
        if block.kind not in KINDS:
            what = f"the mark {block.kind!r} is unknown" if block.kind else "the block has no mark"
            found.append(f"{block.place}: {what}: write <!-- block: KIND --> on the line before it, one of {', '.join(KINDS)}")
        elif block.kind.startswith("commands") and block.kind != "commands store":
            found += [f"{block.place}: {problem}" for problem in problems_of(block.text, root)]
    for page in pages(root):
        for number, command in inline_commands(page.read_text(encoding="utf-8")):
            found += [f"{page.relative_to(root)}:{number}: {problem}" for problem in problems_of(command, root)]
    return found


def main() -> int:
    found = problems()
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
