# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine behind ``RunCommand``: it gets the command lines ``Engine`` starts, and answers them out of memory.

It knows the lines our code writes, and a few a person might (``pause``, ``network disconnect``, ...); any other line is an
``AssertionError`` that shows it, so that it can lack something, and not silently be wrong. What it says is kept true by
``tests/unit/support/engine_cases.py``: the same cases run on it and on a real engine. What compose does: ``memory_compose``; what there
is, and what becomes of it: ``memory_world``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.docker.attended import SCRIPT
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Engine

from tests.unit.support import memory_compose
from tests.unit.support.memory_answers import column, expect, inspected, instant, listed, unknown
from tests.unit.support.memory_world import Refused, World

ENGINE, COMPOSE = "26.1.5", "2.26.1"
Answer = tuple[int, str, str]
# With what ``timeout`` ends where it ended its command.
LATE = 124
# Commands that change nothing.
QUESTIONS = ("diff", "ps", "inspect", "ls", "version", "info", "logs", "events", "config", "manifest")


class EngineInMemory:
    """``at``: told of every moment a process that uses the engine could be killed at, before and after each command and between the
    changes one makes."""

    def __init__(self, folder: Path, world: World | None = None) -> None:
        """``folder`` gets programs of the names ``Engine`` looks for; they are never started."""
        self.world = world or World()
        self.at: Callable[[str], None] = lambda _what: None
        self.asked: list[list[str]] = []
        # What it does not know: whoever asks may take any error for one of the engine.
        self.unknown: list[str] = []
        self.volumes = folder / "host" / "docker" / "volumes"
        # What becomes of a command of a package: of its service and its words.
        self.commanded: Callable[[str, list[str]], Answer] = lambda _service, _words: (0, "", "")
        self._turn = threading.RLock()
        self._docker, self._compose = folder / "docker", folder / "docker-compose"
        for program in (self._docker, self._compose):
            program.write_text("#!/bin/false\n")
            program.chmod(0o755)

    def connect(self) -> Engine:
        engine = Engine(self, str(self._docker))
        engine._compose = str(self._compose)
        return engine

    def __call__(self, args: list[str], **_options: Any) -> tuple[int, bytes, bytes]:
        with self._turn:
            confined, attended = "/usr/bin/unshare" in args, SCRIPT in args
            shell = args.index(SCRIPT) + 4 if attended else 2
            words = self._confined(args) if confined else self._plain([*args[:2], *args[shell:]])
            self.asked.append(words)
            self.at(f"before {' '.join(words[:3])}")
            self.world.touch = lambda what: self.at(f"in {words[0]}: {what}")
            self.world.tick()
            try:
                code, out, err = self._answer(words)
            except AssertionError as error:
                self.unknown.append(str(error))
                raise
            self.at(f"after {' '.join(words[:3])}")
            if confined:
                mark = args[args.index(str(self._compose)) + 3]
                err += f"\n{mark} {code} no\n"
                code = 0
            if attended:
                mark, most = args[args.index(SCRIPT) + 2 : args.index(SCRIPT) + 4]
                return 0, f"{out}{err}\n{mark} {code}\n".encode()[-int(most) :], b""
            return code, out.encode(), err.encode()

    def _plain(self, args: list[str]) -> list[str]:
        """``docker <words>`` out of ``env -i NAME=value... [timeout ...] program words``."""
        assert args[:2] == ["/usr/bin/env", "-i"], args
        rest = args[2:]
        while "=" in rest[0]:
            rest = rest[1:]
        if rest[0] == "/usr/bin/timeout":
            assert rest[1].startswith("--kill-after="), args
            rest = rest[3:]
        assert rest[0] in (str(self._docker), str(self._compose)), args
        return ["compose", *rest[1:]] if rest[0] == str(self._compose) else rest[1:]

    def _confined(self, args: list[str]) -> list[str]:
        return ["compose", *args[args.index("/program") + 1 :]]

    def _answer(self, words: list[str]) -> Answer:
        command = {
            "version": self._version, "info": self._info, "ps": self._ps, "container": self._inspect, "network": self._network,
            "volume": self._volume, "image": self._image, "pull": self._pull, "manifest": self._manifest, "logs": self._logs,
            "events": self._events, "compose": self._composed, "stop": self._stop, "rm": self._rm, "rename": self._rename,
            "pause": self._pause, "unpause": self._pause, "start": self._start, "update": self._update,
            "exec": self._exec, "diff": self._diff,
        }.get(words[0])  # fmt: skip
        if command is None:
            raise unknown(words)
        try:
            return command(words)
        except Refused as error:
            return 1, "", f"{error}\n"

    def _version(self, words: list[str]) -> Answer:
        expect(words, ["version", "--format", "{{json .Server}}"])
        return 0, json.dumps({"Version": ENGINE, "Os": "linux", "Arch": "amd64"}) + "\n", ""

    def _info(self, words: list[str]) -> Answer:
        expect(words, ["info", "--format", "{{json .}}"])
        return 0, json.dumps({"RegistryConfig": {"IndexConfigs": {"docker.io": {"Secure": True}}}}) + "\n", ""

    def _ps(self, words: list[str]) -> Answer:
        rest, wanted, form, quiet = words[1:], dict[str, str | None](), "", False
        while rest:
            word = rest.pop(0)
            if word == "--filter":
                kind, _equals, label = rest.pop(0).partition("=")
                if kind != "label":
                    raise unknown(words)
                name, equals, value = label.partition("=")
                wanted[name] = value if equals else None
            elif word == "--format":
                form = rest.pop(0)
            elif word in ("-a", "-aq", "--no-trunc"):
                quiet = quiet or word == "-aq"
            else:
                raise unknown(words)
        found = [
            item
            for item in reversed(self.world.containers.values())
            if all(name in item.labels and value in (None, item.labels[name]) for name, value in wanted.items())
        ]
        columns = ["{{.ID}}"] if quiet else form.split("\t")
        return 0, "".join("\t".join(column(item, one) for one in columns) + "\n" for item in found), ""

    def _inspect(self, words: list[str]) -> Answer:
        expect(words[:3], ["container", "inspect", "--"])
        return self._each(words[3:], lambda name: inspected(self.world.find(name)))

    def _each(self, names: Iterable[str], ask: Callable[[str], dict[str, Any]]) -> Answer:
        """What is there of them; what is not makes it fail."""
        found, missing = [], ""
        for name in names:
            try:
                found.append(ask(name))
            except Refused as error:
                missing += f"{error}\n"
        return 1 if missing else 0, json.dumps(found) + "\n", missing

    def _network(self, words: list[str]) -> Answer:
        world = self.world
        if words[1] == "ls":
            return 0, listed(world.networks, words), ""
        if words[1:3] == ["inspect", "--"]:
            return self._each(words[3:], self._one_network)
        if words[1:3] == ["rm", "--"]:
            return self._one_by_one(words[3:], world.remove_network)
        if words[1] == "disconnect" and len(words) == 4:
            item = world.find(words[3])
            world.touch(f"disconnect {item.name}")
            if item.nets.pop(words[2], None) is None:
                raise Refused(f"container {item.id} is not connected to network {words[2]}")
            return 0, "", ""
        raise unknown(words)

    def _one_network(self, name: str) -> dict[str, Any]:
        if name not in self.world.networks:
            raise Refused(f"network {name} not found")
        return {**self.world.networks[name], "Containers": {item.id: {"Name": item.name} for item in self.world.inside(name)}}

    def _volume(self, words: list[str]) -> Answer:
        volumes = self.world.volumes

        def one(name: str) -> dict[str, Any]:
            if name not in volumes:
                raise Refused(f"get {name}: no such volume")
            described = {key: value for key, value in volumes[name].items() if key != "Made"}
            return {**described, "Mountpoint": str(self.volumes / name / "_data")}

        if words[1] == "ls":
            return 0, listed(volumes, words), ""
        if words[1:3] == ["inspect", "--"]:
            return self._each(words[3:], one)
        if words[1:3] == ["rm", "--"]:
            return self._one_by_one(words[3:], self.world.remove_volume)
        if words[1] == "create" and words[-2] == "--":
            labels = dict(words[place + 1].split("=", 1) for place, word in enumerate(words) if word == "--label")
            if words[-1] not in volumes:
                self.world.make_volume(words[-1], {}, labels)
                (self.volumes / words[-1] / "_data").mkdir(parents=True, exist_ok=True)
            return 0, f"{words[-1]}\n", ""
        raise unknown(words)

    def _one_by_one(self, names: Iterable[str], act: Callable[[str], None]) -> Answer:
        """Whatever can be done is, and the rest is told."""
        done, said = [], ""
        for name in names:
            try:
                act(name)
                done.append(name)
            except Refused as error:
                said += f"{error}\n"
        return 1 if said else 0, "".join(f"{name}\n" for name in done), said

    def _image(self, words: list[str]) -> Answer:
        if words[1:3] == ["rm", "--"]:
            return self._one_by_one(words[3:], self.world.remove_image)
        if words[1] == "tag" and len(words) == 4:
            self.world.images[words[3]] = self.world.image(words[2])
            return 0, "", ""
        expect(words[:3], ["image", "inspect", "--"])
        return self._each(words[3:], self.world.image)

    def _pull(self, words: list[str]) -> Answer:
        expect(words[:3], ["pull", "--quiet", "--"])
        name = words[3]
        if name not in self.world.registry:
            raise Refused(f"manifest for {name} not found: manifest unknown: manifest unknown")
        self.world.touch(f"pull {name}")
        self.world.images[name] = self.world.registry[name]
        return 0, f"{name}\n", ""

    def _manifest(self, words: list[str]) -> Answer:
        expect(words[:4], ["manifest", "inspect", "--verbose", "--"])
        image = self.world.registry.get(words[4])
        if image is None:
            return 1, "", "no such manifest: " + words[4]
        return 0, json.dumps({"Descriptor": {"platform": {"os": image["Os"], "architecture": image["Architecture"]}}}), ""

    def _logs(self, words: list[str]) -> Answer:
        stamped = words[1] == "--timestamps"
        rest = words[2:] if stamped else words[1:]
        expect(rest[:1], ["--tail"])
        names = [word for word in rest[2:] if word != "--"]
        if names[:1] == ["--until"]:
            names = names[2:]
        if len(names) != 1:
            raise unknown(words)
        item = self.world.find(names[0])
        return 0, "".join(f"{instant(item.started)} {line}\n" if stamped else f"{line}\n" for line in item.log[-int(rest[1]) :]), ""

    def _events(self, words: list[str]) -> Answer:
        expect([words[1], words[3], *words[-2:]], ["--since", "--until", "--format", "{{json .}}"])
        filters = [part.partition("=") for word, part in zip(words[5:-2:2], words[6:-2:2]) if word == "--filter"]
        kinds, chosen = ({value for kind, _equals, value in filters if kind == name} for name in ("event", "container"))
        lines = [
            json.dumps({"Action": action, "Actor": {"ID": ident, "Attributes": attributes}}) + "\n"
            for when, action, ident, attributes in self.world.events
            if float(words[2]) - 1 <= when and action in kinds and ident in chosen
        ]
        return 0, "".join(lines), ""

    def _composed(self, words: list[str]) -> Answer:
        line = memory_compose.read_line(words[1:])
        if line.words[:1] == ["version"]:
            return 0, f"{COMPOSE}\n", ""
        try:
            if line.words[:1] == ["config"]:
                return (0, *memory_compose.config(line))
            if line.words[:1] == ["up"]:
                memory_compose.Up(self.world, line).run()
                return 0, "", ""
            if line.words[:1] == ["run"] and {"--rm", "-T", "--no-deps"} <= set(line.options):
                return self.commanded(line.words[1], line.words[2:])
        except Refused as error:
            return 1, "", f"{error}\n"
        raise unknown(words)

    def _exec(self, words: list[str]) -> Answer:
        rest = words[3:] if words[1] == "--env" else words[1:]
        expect(rest[:1], ["--"])
        item = self.world.find(rest[1])
        if not item.alive:
            raise Refused(f"container {item.id} is not running")
        return self.commanded(str(item.labels["avs.service"]), rest[2:])

    def _diff(self, words: list[str]) -> Answer:
        expect(words[1:2], ["--"])
        item = self.world.find(words[2])
        # What the engine mounts its init over.
        made = ["C /sbin", "A /sbin/docker-init"] if item.service.get("init") and item.starts else []
        return 0, "".join(f"{line}\n" for line in (*made, *item.written)), ""

    def _stop(self, words: list[str]) -> Answer:
        expect(words[1:2], ["-t"])
        return self._one_by_one(words[3:], lambda name: self.world.stop(self.world.find(name)))

    def _rm(self, words: list[str]) -> Answer:
        expect(words[1 : words.index("--")], ["-f", "-v"][: max(words.index("--") - 1, 1)])
        return self._one_by_one(words[words.index("--") + 1 :], lambda name: self._remove(name, "-v" in words))

    def _remove(self, name: str, nameless: bool = False) -> None:
        # By force, a container that is gone is no failure.
        if any(name in (item.id, item.name) for item in self.world.containers.values()):
            mounted = self.world.find(name).mounts.values()
            self.world.remove(self.world.find(name))
            self.world.forget(source for kind, source in mounted if kind == "volume" and nameless)

    def _rename(self, words: list[str]) -> Answer:
        expect(words[1:2], ["--"])
        self.world.rename(self.world.find(words[2]), words[3])
        return 0, "", ""

    def _pause(self, words: list[str]) -> Answer:
        def act(name: str) -> None:
            item = self.world.find(name)
            before, after = ("running", "paused") if words[0] == "pause" else ("paused", "running")
            if item.state != before:
                raise Refused(f"Container {item.id} is not {before}")
            self.world.touch(f"{words[0]} {item.name}")
            item.state = after

        return self._one_by_one([word for word in words[1:] if word != "--"], act)

    def _start(self, words: list[str]) -> Answer:
        if words[1] == "--attach":
            expect(words[1:3], ["--attach", "--"])
            item = self.world.find(words[3])
            if item.labels.get("avs.command.service"):
                # A service once more, with words nobody has to know.
                item.state, (item.code, *said) = "exited", self.commanded(item.labels["avs.command.service"], item.service["command"])
                return (item.code, *said)
            self.world.start(item)
            # One that runs on is waited for until somebody's time is over.
            return LATE if item.alive else item.code, "".join(f"{line}\n" for line in item.log), ""
        return self._one_by_one(words[1:], lambda name: self.world.start(self.world.find(name)))

    def _update(self, words: list[str]) -> Answer:
        expect([words[1], words[3]], ["--restart", "--"])
        return self._one_by_one(words[4:], lambda name: self.world.update(self.world.find(name), words[2]))
