# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""InstanceSpecs: all a host needs to know of its instances, one JSON document each, secrets as references (docs/architecture.md, 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ...module_utils.common.errors import InputError
from ...module_utils.common.findings import Finding, by_severity, errors_of
from ...module_utils.common.names import is_name
from ...module_utils.common.records import Odd
from ...module_utils.common.rules import finding
from ...module_utils.common.spec import SCHEMA, read_spec
from ..packages.option_values import Resolved, resolve_options
from ..packages.options import Option
from ..packages.renames import carry
from ..parsing.report import did_you_mean
from ..secrets.base import Need, SecretValue
from ..secrets.literal import LiteralRequest
from ..secrets.sources import request_of
from .entries import Entry
from .key_specs import keys_of, variables_of

if TYPE_CHECKING:
    from ..packages.package import Package
    from ..packages.profile import Profile


class References(Protocol):
    """Turns needs into references without values."""

    def identify(self, needs: Sequence[Need]) -> tuple[dict[Need, dict[str, Any]], list[Finding]]: ...


Load = Callable[[Entry], "Package"]


@dataclass(frozen=True)
class Built:
    """``specs`` of the sound ``entries``, in the order of both; ``needs`` by instance and secret name; ``options`` whose values are
    among them, likewise; ``trees`` by digest; ``findings`` about all entries."""

    specs: tuple[dict[str, Any], ...]
    entries: tuple[Entry, ...]
    needs: Mapping[str, Mapping[str, Need]] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Option]] = field(default_factory=dict)
    trees: Mapping[str, Path] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class _Draft:
    """An entry's spec while references of its secrets are still missing."""

    entry: Entry
    spec: dict[str, Any]
    needs: tuple[Need, ...] = ()
    options: Mapping[str, Option] = field(default_factory=dict)
    tree: Path | None = None


def build_specs(entries: Iterable[Entry], load: Load, references: References, known: Iterable[Finding] = ()) -> Built:
    """Specs of all entries nothing is wrong with, and what is wrong with the others. ``load`` fetches an entry's package; ``known`` are
    findings made before."""
    findings = list(known)
    drafts = []
    named: list[tuple[Entry, str]] = []
    for entry in entries:
        draft, found = _draft(entry, load)
        findings += found
        if draft is not None:
            drafts.append(draft)
        if draft is not None or entry.package_name:
            named.append((entry, draft.spec["id"] if draft is not None else entry.instance))
    findings += _same_id(named)
    needs = [need for draft in drafts for need in draft.needs]
    found_references, found = references.identify(needs)
    findings += found
    wrong = errors_of(findings)
    sound = [draft for draft in drafts if not any(_is_of(item, draft.entry) for item in wrong)]
    specs = []
    for draft in sound:
        for need in draft.needs:
            draft.spec["secrets"][need.name]["ref"] = found_references[need]
        # By the host's own reader: what it would not understand does not leave this machine.
        try:
            spec = read_spec(draft.spec)
        except Odd as odd:
            raise InputError(f"{draft.entry.place}: no host would understand what is made of it: {odd}") from None
        own = by_severity(item for item in findings if _is_of(item, draft.entry))
        specs.append((spec if draft.tree is None else spec.but(findings=own)).as_dict())
    return Built(
        tuple(specs),
        tuple(draft.entry for draft in sound),
        {draft.spec["id"]: {need.name: need for need in draft.needs} for draft in sound},
        {draft.spec["id"]: draft.options for draft in sound},
        {draft.spec["package"]["tree_sha256"]: draft.tree for draft in sound if draft.tree is not None},
        tuple(by_severity(findings)),
    )


def _is_of(item: Finding, entry: Entry) -> bool:
    return item.place == entry.place or item.place.startswith((f"{entry.place}.", f"{entry.place}:"))


def _draft(entry: Entry, load: Load) -> tuple[_Draft | None, list[Finding]]:
    # Taking an instance down must work while its package's source or the secret store is out of reach.
    if entry.state != "started" and entry.package_name is not None:
        return _minimal(entry, entry.package_name)
    try:
        package = load(entry)
    except InputError as error:
        problems = error.findings or [finding("INV-002", "", error.message)]
        return None, [_placed(item, entry) for item in problems]
    if entry.state != "started":
        return _minimal(entry, package.name)
    profile = package.profiles.get(entry.profile or "")
    findings = [_placed(item, entry) for item in _about(package, profile)]
    if profile is None:
        names = ", ".join(package.profiles) or "none"
        return None, [
            *findings,
            finding(
                "INV-002",
                f"{entry.place}.profile",
                f"{package.name} has no profile {entry.profile}{did_you_mean(entry.profile, package.profiles)}",
                f"Choose one of: {names}.",
            ),
        ]
    instance, problem = _id(entry, package.name)
    if problem is not None:
        return None, [*findings, problem]
    resolved = resolve_options(profile, entry.options, entry.place, variables_of(entry), entry.encrypted)
    findings += resolved.findings
    secrets: dict[str, dict[str, Any]] = {}
    needs = _option_secrets(instance, entry, profile, resolved, secrets)
    keys = keys_of(instance, entry, profile.runtime.keys)
    secrets.update(keys.secrets)
    findings += keys.findings
    spec = {
        "schema": SCHEMA,
        "id": instance,
        "tag": entry.tag,
        "state": entry.state,
        "purge": entry.purge,
        "package": _package(package, profile),
        "profile": profile.name,
        "compose": {
            "dir": profile.compose_dir,
            "files": list(profile.compose_files),
            "env_files": list(profile.env_files),
            "profiles": list(profile.compose_profiles),
        },
        "env": dict(resolved.env),
        "paths": _paths(profile, entry),
        "secrets": secrets,
        "keys": keys.keys,
        "ports": dict(entry.ports),
        "exceptions": [dict(item) for item in entry.exceptions],
        "limits": {service: {name: value for name, value in limit.items() if value is not None} for service, limit in entry.limits.items()},
        **_runtime(entry, profile),
        "requirements": profile.requirements.as_spec(),
    }
    hidden = {_secret_of(option.name): option for option in profile.options if option.name in resolved.secrets}
    return _Draft(entry, spec, (*needs, *keys.needs), hidden, profile.tree), findings


def _paths(profile: Profile, entry: Entry) -> list[str]:
    """Absolute host paths the operator chose: a package's own default is no consent to mount a part of the host."""
    chosen = {option.name for option in profile.options if option.type in ("path_dir", "path_file")}
    given = carry(profile.runtime.renames, entry.options, entry.place).values
    values = (value for name, value in given.items() if name in chosen)
    return sorted({str(value) for value in values if isinstance(value, str) and value.startswith("/")})


def _about(package: Package, profile: Profile | None) -> list[Finding]:
    """What was found about the package and this profile; other profiles are not this instance's business."""
    own = set(profile.findings) if profile is not None else set()
    others = {item for other in package.profiles.values() for item in other.findings} - own
    return [item for item in package.findings if item not in others]


def _minimal(entry: Entry, name: str) -> tuple[_Draft | None, list[Finding]]:
    instance, problem = _id(entry, name)
    if problem is not None:
        return None, [problem]
    spec = {"schema": SCHEMA, "id": instance, "tag": entry.tag, "state": entry.state, "purge": entry.purge, "package": {"name": name}}
    return _Draft(entry, spec), []


def _id(entry: Entry, name: str) -> tuple[str, Finding | None]:
    instance = f"{name}-{entry.tag}"
    if is_name(instance):
        return instance, None
    return instance, finding("INV-001", f"{entry.place}.tag", f"the id {instance} is longer than 63 characters", "Choose a shorter tag.")


def _placed(item: Finding, entry: Entry) -> Finding:
    """A finding about a file of the package, said of the entry that asks for the package."""
    if item.place.startswith(entry.place):
        return item
    return replace(item, place=": ".join(part for part in (entry.place, item.place) if part))


def _same_id(named: Sequence[tuple[Entry, str]]) -> list[Finding]:
    """Also two whose names run into each other: ``herald-x`` with the tag ``1``, ``herald`` with the tag ``x-1``."""
    findings = []
    first: dict[str, Entry] = {}
    for entry, instance in named:
        before = first.setdefault(instance, entry)
        if before is not entry:
            message = f"{instance} is {before.place} already"
            if before.tag != entry.tag:
                message += f", the tag {before.tag} there and {entry.tag} here: an id is <package>-<tag>"
            findings.append(finding("INV-001", f"{entry.place}.tag", message, "Give each instance of a package a tag of its own."))
    return findings


def _package(package: Package, profile: Profile) -> dict[str, Any]:
    return {
        "name": package.name,
        "version": package.version,
        "commit": package.commit,
        "spec_version": package.spec_version,
        "upgrade": package.upgrade,
        "tree_sha256": profile.tree_sha256,
        "source": package.source,
    }


def _runtime(entry: Entry, profile: Profile) -> dict[str, Any]:
    runtime = profile.runtime
    health = dict(runtime.health or {"type": "container"})
    if entry.gate_timeout is not None:
        health["timeout"] = entry.gate_timeout
    return {
        "privileges": runtime.privileges,
        "artifacts": runtime.artifacts,
        "directories": runtime.directories,
        "configs": runtime.configs,
        "volumes": runtime.volumes,
        "health": health,
        "metrics": runtime.metrics,
        "api": profile.api,
        "plugin": profile.plugin,
        "commands": runtime.commands,
        "migrations": runtime.migrations,
        "contact": runtime.contact,
    }


def _option_secrets(instance: str, entry: Entry, profile: Profile, resolved: Resolved, secrets: dict[str, dict[str, Any]]) -> list[Need]:
    targets = {option.name: option.target for option in profile.options}
    needs = []
    for name, given in resolved.secrets.items():
        secret = _secret_of(name)
        request = LiteralRequest(given) if isinstance(given, SecretValue) else request_of(given, f"{instance} {secret}")
        secrets[secret] = {"ref": {}, "env": [targets[name]], "services": None}
        place = f"{entry.place}.options.{resolved.written.get(name, name)}"
        needs.append(Need(instance, secret, place, request, line=True))
    return needs


def _secret_of(option: str) -> str:
    return f"option.{option}"
