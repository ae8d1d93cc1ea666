# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands on a page, looked at without running them: what they name of ours has to be there."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from plugins.module_utils.common.errors import AvsError
from plugins.plugin_utils.avsctl.people import COMMANDS, parser
from tests.lab import cli

from .documented import avs_variables
from .reference_page import options_of

# Somebody else's programs, which a page may name: whether they are right shows where the block is run.
FOREIGN = {
    "cat",
    "cd",
    "curl",
    "df",
    "docker",
    "du",
    "export",
    "git",
    "journalctl",
    "ls",
    "mkdir",
    "mv",
    "python3",
    "restic",
    "rm",
    "sha256sum",
    "ss",
    "ssh-keyscan",
}
FOREIGN |= {"tail", "vault"}
Check = Callable[[list[str], Path], Iterator[str]]


def problems_of(text: str, root: Path) -> list[str]:
    """What is wrong with the commands of a block, a text a problem."""
    found: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        for words in _commands(line):
            found += _problems(words, root)
    return found


def _commands(line: str) -> Iterator[list[str]]:
    """The words of each command of a line, without assignments before it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set(";&|"):
            while words and re.match(r"[A-Z_]+=", words[0]):
                words.pop(0)
            if words:
                yield words
            words = []
        else:
            words.append(word)


def _problems(words: list[str], root: Path) -> Iterator[str]:
    program = words[0].rpartition("/")[2] if "/bin/" in words[0] else words[0]
    checks: dict[str, Check] = {
        "make": _make,
        "ansible": _ansible,
        "ansible-playbook": _playbook,
        "ansible-galaxy": _galaxy,
        "pip": _pip,
        "python": _python,
        "avsctl": _avsctl,
        ".": _sourced,
    }
    if program in checks:
        yield from checks[program](words[1:], root)
    elif program not in FOREIGN:
        yield f"{program} is no program this project knows"


def _make(words: list[str], root: Path) -> Iterator[str]:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (root / "Makefile").read_text(encoding="utf-8")))
    for word in words:
        if "=" not in word and word not in targets:
            yield f"make has no target {word}"


def _options(words: list[str], known: str, flags: str) -> tuple[argparse.Namespace, list[str]]:
    """Words by the options of Ansible's programs that pages use; the others are left."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in known.split():
        parser.add_argument(*name.split("/"), action="append", default=[])
    for name in flags.split():
        parser.add_argument(name, action="store_true")
    parser.add_argument("rest", nargs="*")
    return parser.parse_known_args(words)


def _playbook(words: list[str], root: Path) -> Iterator[str]:
    found, unknown = _options(words, "-i -e -f --limit", "--check --diff -v")
    yield from (f"ansible-playbook {option}: not an option the pages use" for option in unknown if option.startswith("-"))
    for name in found.rest:
        own = name.removeprefix("restaking.avs.")
        if not (root / "playbooks" / f"{own}.yml").exists():
            yield f"there is no playbook {name}"
    known = set(avs_variables(root)) | {"avs_hosts_group"}
    for given in found.e:
        names = yaml.safe_load(given) if given.startswith("{") else [given.partition("=")[0]]
        for name in names:
            if not given.startswith("@") and name not in known and not _of_a_role(name, root):
                yield f"-e {name}: no variable of ours"


def _of_a_role(name: str, root: Path) -> bool:
    return any(name in role_options(path) for path in root.glob("roles/*/meta/argument_specs.yml"))


def role_options(path: Path) -> dict[str, dict[str, object]]:
    """Options of a role's argument specification."""
    options: dict[str, dict[str, object]] = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    return options


def _ansible(words: list[str], root: Path) -> Iterator[str]:
    found, unknown = _options(words, "-i -m -a", "--check --diff -v")
    yield from (f"ansible {option}: not an option the pages use" for option in unknown if option.startswith("-"))
    for module, given in zip(found.m, found.a):
        path = root / "plugins" / "modules" / f"{module.removeprefix('restaking.avs.')}.py"
        if not path.exists():
            yield f"there is no module {module}"
            continue
        for name in json.loads(given):
            if name not in options_of(root, path):
                yield f"the module {module} has no option {name}"


def _galaxy(words: list[str], root: Path) -> Iterator[str]:
    if words[:2] != ["collection", "install"] or not words[2].startswith("restaking-avs-"):
        yield "ansible-galaxy installs the collection on these pages, and nothing else"


def _avsctl(words: list[str], root: Path) -> Iterator[str]:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            parser(COMMANDS).parse_args(words)
    except AvsError as error:
        yield f"avsctl {' '.join(words)}: {error.message}"
    except SystemExit:
        # --help was asked for.
        return


def _pip(words: list[str], root: Path) -> Iterator[str]:
    if words[:2] != ["install", "-r"] or not (root / Path(words[2]).name).exists():
        yield f"pip {' '.join(words)}: there is no such file of requirements"


def _python(words: list[str], root: Path) -> Iterator[str]:
    if words[:1] == ["-m"] and words[1] == "tests.lab":
        with contextlib.redirect_stderr(io.StringIO()) as said:
            try:
                # A page leaves the command out where it means all of them, and shows alternatives in brackets.
                cli.parser().parse_args([] if words[2:] == ["..."] else words[2:])
            except SystemExit:
                if words[2:] != ["..."]:
                    yield f"python -m tests.lab {' '.join(words[2:])}: {said.getvalue().splitlines()[-1]}"
    elif words[:2] == ["-m", "pytest"]:
        yield from (f"there are no tests at {word}" for word in words[2:] if not word.startswith("-") and not (root / word).exists())
    elif words[:1] != ["-m"] or not any((root / words[1].replace(".", "/")).with_suffix(suffix).exists() for suffix in (".py", "")):
        yield f"python {' '.join(words)}: there is no such module"


def _sourced(words: list[str], root: Path) -> Iterator[str]:
    if not (root / words[0]).exists():
        yield f"there is no file {words[0]}"
