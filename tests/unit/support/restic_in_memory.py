# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restic behind ``RunCommand`` that keeps a repository as plain folders: for what becomes of a node and of records around it, however it
ends. What restic really does: ``tests/integration/host/test_restic.py`` and ``test_backup.py``.

It knows the lines our code writes; any other is an ``AssertionError`` that shows it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

VERSION = "restic 0.14.0 compiled with go1.19.8 on linux/amd64\n"


class ResticInMemory:
    """``at``: told before and after each command; ``ends``: command -> the code and the message it ends with instead; ``during``: called
    in the middle of a command; ``opening``: called as one waits to be let go on, its repository open; it ends with 1 there, and ``refuses``, where
    that is anything."""

    def __init__(self, at: Callable[[str], None] = lambda _what: None) -> None:
        self.at = at
        self.asked: list[list[str]] = []
        # Of the commands of restic's, seconds each may take.
        self.bounds: list[float | None] = []
        self.ends: dict[str, tuple[int, str]] = {}
        self.warns: dict[str, str] = {}
        self.during: Callable[[list[str]], None] = lambda _words: None
        self.view: dict[str, str] = {}
        self.opening: Callable[[], None] = lambda: None
        self.refuses = ""

    def __call__(self, args: list[str], **_options: Any) -> tuple[int, bytes, bytes]:
        rest = args[2:]
        while "=" in rest[0]:
            rest = rest[1:]
        if rest[0] == "/usr/bin/timeout":
            rest = rest[3:]
        if rest[0] in ("/usr/bin/fallocate", "sync"):
            return 0, b"", b""
        if rest[0] == "cp":
            return self._clone(rest)
        if rest[0] == "/usr/bin/cp":
            assert rest[1:4] == ["-a", "--reflink=auto", "--"], rest
            shutil.copytree(rest[4], rest[5], symlinks=True)
            return 0, b"", b""
        self.view = viewed(rest)
        repository, password = Path(rest[rest.index("--repo") + 1]), Path(rest[rest.index("--password-file") + 1])
        words = [word for word in rest[rest.index("--no-cache") + 1 :] if word != "--json"]
        if "--exclude-file" in words:
            self.opening()
            words, refused = (words, self.refuses) if self.refuses else _let_go_on(words, rest)
            if refused:
                return 1, b"", refused.encode()
        self.asked.append(words)
        self.bounds.append(float(args[args.index("/usr/bin/timeout") + 2]) if "/usr/bin/timeout" in args else None)
        self.at(f"before restic {words[0]}")
        code, out, err = self._answer(repository, password, words)
        self.at(f"after restic {words[0]}")
        return code, out.encode(), err.encode()

    def _clone(self, words: list[str]) -> tuple[int, bytes, bytes]:
        assert words[:-2] == ["cp", "--archive", "--reflink=always", "--no-target-directory", "--"], words
        self.asked.append(words[:1])
        if "cp" in self.ends:
            return self.ends["cp"][0], b"", self.ends["cp"][1].encode()
        self.at("before cp")
        shutil.copytree(words[-2], words[-1], symlinks=True)
        self.at("after cp")
        return 0, b"", b""

    def _answer(self, repository: Path, password: Path, words: list[str]) -> tuple[int, str, str]:
        if words[0] == "version":
            return 0, VERSION, ""
        if words[0] != "init":
            if not (repository / "config").exists():
                return 1, "", "Fatal: unable to open config file\nIs there a repository at the following location?\n"
            if (repository / "config").read_bytes() != password.read_bytes():
                return 1, "", "Fatal: wrong password or no key found\n"
        self.during(words)
        if words[0] in self.ends:
            return self.ends[words[0]][0], "", self.ends[words[0]][1]
        if words[0] == "init":
            repository.mkdir(exist_ok=True)
            (repository / "snapshots").mkdir(exist_ok=True)
            (repository / "config").write_bytes(password.read_bytes())
            return 0, "", ""
        answer: Callable[[Path, list[str]], str] | None = getattr(self, f"_{words[0]}", None)
        if answer is None:
            raise AssertionError(f"restic in memory does not know {words}")
        return 0, answer(repository, words), self.warns.get(words[0], "")

    def _backup(self, repository: Path, words: list[str]) -> str:
        tags = [words[place + 1] for place, word in enumerate(words) if word == "--tag"]
        sources = words[words.index("--") + 1 :]
        numbers = repository / "numbers"
        number = len(numbers.read_bytes()) + 1 if numbers.exists() else 1
        numbers.write_bytes(b"." * number)
        identity = f"{number:08x}{hashlib.sha256(str(repository).encode()).hexdigest()[:56]}"
        if "--dry-run" not in words:
            place = repository / "snapshots" / identity
            for source in sources:
                shutil.copytree(self.view.get(source, source), f"{place}/tree{source}", symlinks=True)
            self.at("in restic backup: all is there, and not named")
            kept = {
                "id": identity, "time": f"2026-01-01T00:00:{number:02}.5Z", "hostname": words[words.index("--host") + 1], "tags": tags, "paths": sources,
            }  # fmt: skip
            (place / "snapshot.json").write_text(json.dumps(kept))
        summary = {"message_type": "summary", "snapshot_id": identity[:8], "data_added": 5, "total_files_processed": 1}
        return json.dumps({"message_type": "status"}) + "\n" + json.dumps(summary) + "\n"

    def _snapshots(self, repository: Path, words: list[str]) -> str:
        assert words == ["snapshots", "--no-lock"], words
        return json.dumps([json.loads(path.read_text()) for path in sorted(repository.glob("snapshots/*/snapshot.json"))])

    def _check(self, _repository: Path, words: list[str]) -> str:
        assert words in (["check"], ["check", "--read-data"], ["check", "--no-lock"], ["check", "--read-data", "--no-lock"]), words
        return ""

    def _copy(self, repository: Path, words: list[str]) -> str:
        assert (words[1], words[3], len(words)) == ("--from-repo", "--from-password-file", 6), words
        source, secret = Path(words[2]), Path(words[4])
        assert (source / "config").read_bytes() == secret.read_bytes()
        found = json.loads((source / "snapshots" / words[5] / "snapshot.json").read_text())
        place = repository / "snapshots" / f"c{words[5][1:]}"
        if not (place / "snapshot.json").exists():
            shutil.copytree(
                source / "snapshots" / words[5], place, symlinks=True, ignore=shutil.ignore_patterns("snapshot.json"), dirs_exist_ok=True
            )
            self.at("in restic copy: all is there, and not named")
            (place / "snapshot.json").write_text(json.dumps({**found, "id": place.name, "original": found.get("original") or words[5]}))
        return ""

    def _forget(self, repository: Path, words: list[str]) -> str:
        if "--dry-run" in words:
            return self._dropped(repository, words)
        for name in words[1:]:
            shutil.rmtree(repository / "snapshots" / name)
        return ""

    def _dropped(self, repository: Path, words: list[str]) -> str:
        """Of a policy that counts alone."""
        assert words[:3] == ["forget", "--dry-run", "--host"] and words[-2] == "--keep-last", words
        wanted = words[words.index("--tag") + 1]
        known = [json.loads(path.read_text()) for path in repository.glob("snapshots/*/snapshot.json")]
        found = sorted((one for one in known if wanted in one["tags"] and one["hostname"] == words[3]), key=lambda one: one["time"])
        return json.dumps([{"remove": found[: -int(words[-1])]}]) + "\n"

    def _cat(self, repository: Path, words: list[str]) -> str:
        assert (words[1], words[3:]) == ("lock", ["--no-lock"]), words
        return (repository / "locks" / words[2]).read_text()

    def _prune(self, _repository: Path, _words: list[str]) -> str:
        return ""

    def _restore(self, repository: Path, words: list[str]) -> str:
        assert words[2] == "--target" and words[4] == "--verify", words
        below = words[words.index("--include") + 1] if "--include" in words else ""
        source = f"{repository}/snapshots/{words[1]}/tree{below}"
        shutil.copytree(source, f"{words[3]}{below}", symlinks=True, dirs_exist_ok=True)
        return ""


def viewed(words: list[str]) -> dict[str, str]:
    """Path -> clone of it, of a command in a mount namespace of its own."""
    if "unshare" not in words or "sh" not in words[words.index("unshare") :]:
        return {}
    pairs = words[words.index("sh", words.index("unshare")) + 1 :]
    pairs = pairs[: pairs.index("--")]
    return dict(zip(pairs[1::2], pairs[::2]))


def _let_go_on(words: list[str], line: list[str]) -> tuple[list[str], str]:
    """Words without the files of patterns, once these were read; and what is said where one is missing."""
    files = [words[place + 1] for place, word in enumerate(words) if word == "--exclude-file"]
    # It has a process of its own, that can be ended.
    with subprocess.Popen(["sleep", "60"]) as process:
        told = line[line.index("/bin/sh") + 3]
        os.write(int(os.path.basename(told)), f"{process.pid}\n".encode())
        while os.read(int(os.path.basename(files[0])), 64):
            pass
        process.kill()
    missing = [f"Fatal: open {path}: no such file or directory\n" for path in files[1:] if not os.path.exists(path)]
    return [word for word in words if word != "--exclude-file" and word not in files], "".join(missing)
