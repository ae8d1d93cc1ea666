# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machine's own apt configuration: read, carried to another suite, used. No mirror is named here."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .errors import LabError
from .shell import run, say

# Debian 12 has neither Compose v2 nor cosign; the next suite's packages run on it as they are.
NEXT = {"bookworm": "trixie"}
BORROWED = ("docker.io", "docker-cli", "docker-compose", "docker-buildx", "containerd", "cosign")
# Where a host with the newest engine takes it from: libc, runc and systemd stay the suite's own.
NEWEST = {"trixie": "forky"}
NEWEST_BORROWED = ("docker.io", "docker-cli", "docker-compose", "docker-buildx", "containerd", "tini", "tini-static")
NEXT_SOURCES = Path("/etc/apt/sources.list.d/avs-lab-next.sources")
NEXT_PREFERENCES = Path("/etc/apt/preferences.d/avs-lab-next")


@dataclass(frozen=True)
class Source:
    """One deb822 stanza, see sources.list(5); ``options`` keeps its other fields, such as Signed-By."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    def for_suite(self, old: str, new: str) -> Source:
        """The same archive, one suite on: ``bookworm-updates`` becomes ``trixie-updates``."""
        return replace(self, suites=tuple(new + suite[len(old) :] for suite in self.suites))

    def as_deb822(self) -> str:
        lines = ["Types: deb", f"URIs: {' '.join(self.uris)}", f"Suites: {' '.join(self.suites)}"]
        lines.append(f"Components: {' '.join(self.components)}")
        lines += [f"{key}:{value if value.startswith(chr(10)) else ' ' + value}" for key, value in self.options]
        return "\n".join(lines) + "\n"


def parse_deb822(text: str) -> list[Source]:
    """Enabled ``deb`` stanzas of a ``.sources`` file."""
    found = []
    for stanza in re.split(r"\n[ \t]*\n", re.sub(r"(?m)^#.*\n?", "", text)):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line[:1] in (" ", "\t"):
                fields[key] = f"{fields.get(key, '')}\n{line}"
            elif ":" in line:
                key, value = line.split(":", 1)
                key = key.strip().lower()
                fields[key] = value.strip()
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in ("no", "false"):
            continue
        kept = tuple(
            (name.title(), value)
            for name, value in fields.items()
            if name in ("signed-by", "trusted", "architectures", "check-valid-until")
        )
        found.append(
            Source(
                tuple(fields.get("uris", "").split()),
                tuple(fields.get("suites", "").split()),
                tuple(fields.get("components", "").split()),
                kept,
            )
        )
    return found


def parse_list(text: str) -> list[Source]:
    """``deb`` lines of a one-line style ``.list`` file."""
    found = []
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s*(?P<rest>[^#]*)", line)
        if not match:
            continue
        options = dict(pair.split("=", 1) for pair in (match["options"] or "").split() if "=" in pair)
        kept = tuple((name.title(), value) for name, value in options.items() if name in ("signed-by", "trusted"))
        found.append(Source((match["uri"],), (match["suite"],), tuple(match["rest"].split()), kept))
    return found


def of_release(sources: Iterable[Source], codename: str) -> list[Source]:
    """Only the distribution's own archives: their suites are the codename, or start with it and a dash."""
    own = []
    for source in sources:
        suites = tuple(suite for suite in source.suites if suite == codename or suite.startswith(f"{codename}-"))
        if suites and "main" in source.components:
            own.append(replace(source, suites=suites))
    return own


@dataclass(frozen=True)
class Machine:
    """What this machine's apt knows: codename, archives, ``Acquire`` settings (proxy, CA file, ...), extra CAs."""

    codename: str
    sources: tuple[Source, ...]
    acquire: str
    authorities: tuple[Path, ...]

    def sources_for(self, suite: str) -> str:
        return "\n".join(source.for_suite(self.codename, suite).as_deb822() for source in self.sources)

    @property
    def mirror(self) -> str:
        """The archive that holds the suite itself, for debootstrap."""
        for source in self.sources:
            if self.codename in source.suites:
                return source.uris[0]
        raise LabError(f"no apt source of this machine serves {self.codename}")


def read_machine() -> Machine | None:
    """The machine's apt configuration; None where it is not a Debian with archives of its own release."""
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    release = {key: "".join(shlex.split(value)) for key, _equals, value in (line.partition("=") for line in lines)}
    codename = release.get("VERSION_CODENAME", "")
    if release.get("ID") != "debian" or not codename:
        return None
    found: list[Source] = []
    for path in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        if path.suffix not in (".list", ".sources") or not path.is_file() or path == NEXT_SOURCES:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += parse_deb822(text) if path.suffix == ".sources" else parse_list(text)
    own = of_release(found, codename)
    if not own:
        return None
    dump = run(["apt-config", "dump", "--no-empty", "--format", '%F "%v";%n']).stdout
    acquire = "".join(f"{line}\n" for line in dump.splitlines() if line.startswith("Acquire::") and _travels(line))
    authorities = tuple(sorted(Path("/usr/local/share/ca-certificates").glob("**/*.crt")))
    return Machine(codename, tuple(own), acquire, authorities)


def _travels(line: str) -> bool:
    # Index targets come from the machine's desktop packages and compression settings from its own tools.
    name = line.split(" ", 1)[0]
    wanted = (
        "Acquire::http",
        "Acquire::https",
        "Acquire::ftp",
        "Acquire::Check-",
        "Acquire::Retries",
        "Acquire::ForceIPv4",
        "Acquire::ForceIPv6",
        "Acquire::AllowInsecure",
        "Acquire::Max-FutureTime",
    )
    return name.startswith(wanted)


def preferences(codename: str, packages: Iterable[str]) -> str:
    """apt_preferences(5): nothing comes from ``codename`` unless it is one of ``packages``."""
    return (
        f"Package: *\nPin: release n={codename}*\nPin-Priority: 50\n\n"
        f"Package: {' '.join(packages)}\nPin: release n={codename}\nPin-Priority: 990\n"
    )


def next_files(machine: Machine, suite: str, *, newest: bool = False) -> Mapping[str, str]:
    """Files (path: content) that let ``suite`` borrow the engine from the suite after it; none where it need not."""
    following = (NEWEST if newest else NEXT).get(suite)
    if following is None:
        return {}
    packages = NEWEST_BORROWED if newest else BORROWED
    return {str(NEXT_SOURCES): machine.sources_for(following), str(NEXT_PREFERENCES): preferences(following, packages)}


def installed(packages: Iterable[str]) -> bool:
    for package in packages:
        done = run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package], check=False)
        if done.returncode != 0 or done.stdout != "installed":
            return False
    return True


def install(machine: Machine, packages: Iterable[str]) -> None:
    """Install on this machine what is missing; apt does not run at all when nothing is. Needs root."""
    packages = list(packages)
    if installed(packages):
        return
    if os.geteuid() != 0:
        raise LabError(f"root is needed to install {' '.join(packages)}: run as root, or install them and a Docker engine")
    say(f"apt: installing {' '.join(packages)}")
    for name, content in next_files(machine, machine.codename).items():
        Path(name).write_text(content, encoding="utf-8")
    apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300"]
    run([*apt, "update"])
    run([*apt, "install", "--no-install-recommends", *packages], env={"DEBIAN_FRONTEND": "noninteractive"})


def forget_next() -> None:
    """Take the borrowed suite's source away again."""
    for path in (NEXT_SOURCES, NEXT_PREFERENCES):
        if path.exists():
            path.unlink()
            say(f"apt: removed {path}")
