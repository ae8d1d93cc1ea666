# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images: on the host before anything stops, named by digest, built for this platform (rules IMG-005, IMG-006)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from .engine import Done, Engine
from .model import Model, services
from .references import digest_of, is_locked, reference_problem, repository_of

# Other names of processors (containerd's platforms package).
_MACHINES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm", "armel": "arm"}


@dataclass(frozen=True)
class Images:
    """``lock``: reference -> ``repo@sha256:...`` (the image's id where it came from no registry); ``missing``: to be pulled;
    ``users``: reference -> the user the image runs as; ``labels``: reference -> the labels its containers get;
    ``configs``: reference -> all the engine knows of how it runs."""

    lock: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    users: dict[str, str] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


class ImageKeeper:
    """Finds and pulls images, each once a run however many instances use it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._known: dict[str, Any] = {}
        self._pulled: set[str] = set()
        self._failed: dict[str, tuple[str, str]] = {}
        self._asked: dict[str, tuple[str, str] | None] = {}
        self._ways: dict[str, Any] | None = None

    def find(self, instance: str, wanted: Mapping[str, str], recorded: Mapping[str, str]) -> Images:
        """What is here already. ``wanted``: service -> reference; ``recorded``: the lock of the instance's last commit.

        What is no reference is refused elsewhere, and is not even asked for.
        """
        wanted = {service: reference for service, reference in wanted.items() if not reference_problem(reference)}
        names = {reference: _locked(reference, recorded) for reference in wanted.values()}
        self._look(names.values())
        # An image that came from no registry and is gone can only be had by its name again.
        lost = [reference for reference, name in names.items() if name.startswith("sha256:") and name not in self._known]
        names.update({reference: reference for reference in lost})
        self._look(lost)
        names.update(self._by_content({reference: name for reference, name in names.items() if name not in self._known}))
        result = Images()
        for service, reference in sorted(wanted.items()):
            name = names[reference]
            known = self._known.get(name)
            if known is None:
                if reference not in result.missing:
                    result.missing.append(reference)
                continue
            result.lock[reference] = name if is_locked(name) else digest_of(reference, known)
            config = known.get("Config") or {}
            result.users[reference] = str(config.get("User") or "")
            result.labels[reference] = dict(config.get("Labels") or {})
            result.configs[reference] = config
            result.findings.extend(self._platform(f"{instance}: services.{service}.image", reference, known))
        return result

    def _by_content(self, missing: Mapping[str, str]) -> dict[str, str]:
        """Reference -> digest, for recorded images that are here under no name any more: an engine with containerd's store gives an
        image that came from no registry a name by digest, which goes when its tag moves on."""
        digests = {reference: name.partition("@")[2] for reference, name in missing.items() if name != reference and "@sha256:" in name}
        self._look(digests.values())
        return {reference: digest for reference, digest in digests.items() if digest in self._known}

    def _look(self, names: Iterable[str]) -> None:
        self._known.update(self.engine.images(name for name in names if name not in self._known))

    def pull(self, instance: str, references: Iterable[str], recorded: Mapping[str, str]) -> list[Finding]:
        """Fetch what is missing, by digest where one is recorded; findings for what cannot be had."""
        found = []
        for reference in references:
            name = _from_a_registry(reference, recorded)
            if name not in self._pulled and name not in self._failed:
                done = self.engine.run(["pull", "--quiet", "--", name], timeout=None)
                if done.code:
                    self._failed[name] = pull_problem(name, done, self.engine.platform())
                else:
                    self._pulled.add(name)
                    self._known.update(self.engine.images([name]))
            if name in self._failed:
                rule, message = self._failed[name]
                found.append(finding(rule, f"{instance}: images.{reference}", message))
        return found

    def ask(self, instance: str, references: Iterable[str], recorded: Mapping[str, str]) -> list[Finding]:
        """Findings for what could not be fetched, without fetching anything."""
        found = []
        for reference in references:
            name = _from_a_registry(reference, recorded)
            if name not in self._asked:
                self._asked[name] = self._would_fail(name)
            problem = self._asked[name]
            if problem is not None:
                found.append(finding(problem[0], f"{instance}: images.{reference}", problem[1]))
        return found

    def _would_fail(self, name: str) -> tuple[str, str] | None:
        if self._only_engine_knows(name):
            return None
        done = self.engine.run(["manifest", "inspect", "--verbose", "--", name])
        platform = self.engine.platform()
        if done.code:
            return pull_problem(name, done, platform)
        offered = platforms_of(json.loads(done.out))
        return ("IMG-005", f"{name} is not built for this host's platform {platform}") if platform not in offered else None

    def _only_engine_knows(self, name: str) -> bool:
        """Whether the engine has ways to a registry (a proxy, a mirror, no TLS) that its command line does not have."""
        if self._ways is None:
            self._ways = json.loads(self.engine.ask(["info", "--format", "{{json .}}"]) or "{}")
        registry, config = repository_of(name).split("/")[0], self._ways.get("RegistryConfig") or {}
        if self._ways.get("HttpProxy") or self._ways.get("HttpsProxy") or _insecure(registry, config):
            return True
        return bool(config.get("Mirrors")) and registry == "docker.io"

    def _platform(self, place: str, reference: str, image: Mapping[str, Any]) -> list[Finding]:
        built = f"{image.get('Os', '')}/{image.get('Architecture', '')}"
        if built == self.engine.platform():
            return []
        return [finding("IMG-005", place, f"{reference} is built for {built}, this host is {self.engine.platform()}")]


def asked_platforms(instance: str, model: Model, platform: str) -> list[Finding]:
    """Services that ask for another platform (``linux/arm64/v8``, ``arm64``) than the host's; the engine would refuse their image."""
    found = []
    for name, service in services(model).items():
        asked = str(service.get("platform") or "")
        system, _slash, rest = asked.lower().partition("/") if "/" in asked else ("linux", "/", asked.lower())
        machine = rest.partition("/")[0]
        if asked and f"{system}/{_MACHINES.get(machine, machine)}" != platform:
            message = f"asks for {asked}, this host is {platform}"
            found.append(finding("IMG-005", f"{instance}: services.{name}.platform", message))
    return found


def _insecure(registry: str, config: Mapping[str, Any]) -> bool:
    """Whether the engine may talk to a registry without TLS: by its name, or as one of the addresses it trusts."""
    import ipaddress

    if ((config.get("IndexConfigs") or {}).get(registry) or {}).get("Secure") is False:
        return True
    host = re.sub(r":\d+$", "", registry).strip("[]")
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        return any(address in ipaddress.ip_network(text) for text in config.get("InsecureRegistryCIDRs") or ())
    except ValueError:
        return False


def _from_a_registry(reference: str, recorded: Mapping[str, str]) -> str:
    """The digest recorded for a reference; one that came from no registry can only be asked for by name."""
    name = _locked(reference, recorded)
    return reference if name.startswith("sha256:") else name


def _locked(reference: str, recorded: Mapping[str, str]) -> str:
    """The name a reference is recorded under, where that is of the reference's own repository or an image of this host."""
    name = recorded.get(reference) or reference
    return name if name.startswith("sha256:") or repository_of(name) == repository_of(reference) else reference


def platforms_of(manifest: Any) -> set[str]:
    """Platforms (``linux/amd64``) an image is built for: what ``docker manifest inspect --verbose`` says, one entry or a list."""
    entries = manifest if isinstance(manifest, list) else [manifest]
    platforms = ((entry.get("Descriptor") or {}).get("platform") or {} for entry in entries)
    return {f"{platform.get('os', '')}/{platform.get('architecture', '')}" for platform in platforms}


def pull_problem(name: str, done: Done, platform: str) -> tuple[str, str]:
    """Rule and message for a pull that failed."""
    said = done.message.splitlines()[-1]
    # The engine repeats what it was asked for, and a name may hold any word.
    low = re.sub(r'"https?://[^"]*"', "", said.lower().replace(name.lower(), ""))
    if "no matching manifest" in low or "does not match the specified platform" in low:
        return "IMG-005", f"{name} is not built for this host's platform {platform}"
    registry = repository_of(name).split("/")[0]
    if (
        any(
            word in low
            for word in ("manifest unknown", "no such manifest", "not found", "name unknown", "does not exist", "repository name not known")
        )
        and "lookup" not in low
    ):
        return "IMG-006", f"{name} does not exist at {registry}, or needs a login: {said}"
    if any(word in low for word in ("unauthorized", "denied", "authentication required", "no basic auth")):
        return "IMG-006", f"{registry} does not let this host pull {name}: {said}"
    unreachable = (
        "connection refused",
        "no such host",
        "timeout",
        "timed out",
        "unreachable",
        "eof",
        "server misbehaving",
        "tls",
        "x509",
        "temporary failure",
        "no route",
    )
    if any(word in low for word in unreachable):
        return "IMG-006", f"the registry {registry} cannot be reached for {name}: {said}"
    return "IMG-006", f"{name} cannot be pulled: {said}"
