# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A package judged by the rules that a host judges it by: what is refused there is said here."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...module_utils.common.findings import Finding, by_severity
from ...module_utils.common.records import stated
from ...module_utils.common.rules import finding
from ...module_utils.common.spec import InstanceSpec
from ...module_utils.conflicts.subnets import check_subnets, subnets_wanted_twice
from ...module_utils.docker.model import Model
from ...module_utils.policy import config_files, key_mounts
from ...module_utils.policy.content_configs import judge_content
from ...module_utils.policy.key_mounts import place_keys
from ...module_utils.policy.mount_points import mount_points
from ...module_utils.policy.mounts import Layout, folders_of, place_mounts
from ...module_utils.policy.onlookers import onlookers
from ...module_utils.policy.ports import bind_ports, no_ports, published_twice, variables
from ...module_utils.policy.processors import fit_processors
from ...module_utils.policy.scale import active, judge_idle
from ...module_utils.policy.secrets import confine
from ...module_utils.policy.service_names import without_absent
from ...module_utils.policy.services import check
from ...module_utils.system.trees import tree_files
from ..packages.profile import Profile
from .compose_file import ComposeFiles
from .compose_model import OPEN, ROOT, model_of, refused, values_of

# Stands for the id no instance has yet; findings name files of the package in its place.
_NOBODY = "package"
_KEYS = "/avs-keys"
_PATHS = ("path_dir", "path_file")


@dataclass(frozen=True)
class Wishes:
    """What an operator is going to ask for. ``options``: name -> text of those that are given, ``None``: nothing is known of them yet;
    ``exceptions`` as in ``avs_instances``."""

    options: Mapping[str, str] | None = None
    exceptions: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


@dataclass(frozen=True)
class Known:
    """What is known of the variables before an install. ``values``: variable -> text; ``tokens``: secret -> what stands in these texts
    for its value."""

    values: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)


def judged(profile: Profile, files: ComposeFiles, wishes: Wishes | None = None) -> list[Finding]:
    """What the host's policy says of the services and their mounts, as far as it can be known before an install."""
    wishes = wishes or Wishes()
    spec = spec_of(profile, wishes)
    tokens = {name: f"avs{number}token" + "x" * 12 for number, name in enumerate(spec.secrets)}
    known = Known(values_of(profile, _given(profile, spec, tokens, wishes)), tokens)
    problems = refused(profile, files, known.values)
    if problems:
        # Compose stops there, on the host too: what it would have made of the rest is not known.
        where = posixpath.normpath(posixpath.join(profile.compose_dir, profile.compose_files[0]))
        return [finding("PKG-018", where, problem) for problem in problems]
    model, idle = active(model_of(profile, files, known.values))
    if files.includes and not model["services"]:
        # All there is comes from other files, which the host judges.
        return []
    inactive = sorted(set(files.services) - set(model["services"]))
    found = [*host_findings(spec, model, layout_of(profile, files), inactive, known), *judge_idle(spec.id, model, idle)]
    found += _configs(profile, spec)
    return by_severity(replace(item, place=_place(item.place, profile, files)) for item in found)


def _configs(profile: Profile, spec: InstanceSpec) -> list[Finding]:
    """What is wrong with the package's files that values are merged into. What the values are does not matter to that."""

    def read(name: str) -> bytes | None:
        path = profile.compose_path(name)
        return path.read_bytes() if path.is_file() else None

    return config_files.render(spec.id, spec.configs, read, config_files.expressions(spec.configs), {})[1]


def host_findings(spec: InstanceSpec, model: Model, layout: Layout, inactive: Sequence[str], known: Known) -> list[Finding]:
    """The checks of ``policy.pipeline.shape`` that need nothing of a host, in its order."""
    found = check(spec, model, inactive=inactive)
    keyed = place_keys(spec, without_absent(model), layout.keys)
    mounted = place_mounts(spec, keyed.model, layout)
    model, secret_findings = confine(spec.id, spec.secrets, mounted.model, known.tokens)
    secret_findings += onlookers(spec, model, keyed.views, known.tokens)
    ports = {name: known.values[name] for name in variables(spec) if OPEN not in known.values.get(name, OPEN)}
    model, port_findings = bind_ports(spec, model, ports)
    model, processor_findings = fit_processors(spec.id, model, ())
    points = mount_points(spec.id, spec.artifacts, model, layout)
    found += [*keyed.findings, *mounted.findings, *secret_findings, *port_findings, *no_ports(spec, ports)]
    found += [*check_subnets(spec.id, model, {}, {}), *subnets_wanted_twice([(spec.id, model)])]
    return [*found, *processor_findings, *points.findings, *judge_content(spec, model), *published_twice(spec.id, model)]


def spec_of(profile: Profile, wishes: Wishes) -> InstanceSpec:
    """The parts of a spec the policy looks at. What ``runtime.yml`` got wrong was said before, and is left out."""
    runtime = profile.runtime
    keys = [_key(key) for key in runtime.keys if key["name"]]
    hidden = [option for option in profile.options if option.hidden]
    secrets: dict[str, Any] = {f"option.{option.name}": {"env": [option.target], "services": None} for option in hidden}
    for key, declared in zip(keys, (key for key in runtime.keys if key["name"])):
        secrets[key["keystore"]] = {"env": [], "services": key["services"]}
        if key["password"]:
            secrets[key["password"]] = {"env": [declared["password"]] if declared["password"] else [], "services": key["services"]}
    chosen = {option.name for option in profile.options if option.type in _PATHS}
    return InstanceSpec.read(stated({
        "id": _NOBODY,
        "compose": {"env_files": list(profile.env_files)},
        "paths": sorted(text for name, text in (wishes.options or {}).items() if name in chosen and text.startswith("/")),
        "secrets": secrets,
        "exceptions": list(wishes.exceptions),
        "privileges": runtime.privileges,
        "commands": runtime.commands,
        "directories": [item for item in runtime.directories if item["path"]],
        "artifacts": [{"url": "", "sha256": "", **stated(item)} for item in runtime.artifacts if item["path"]],
        "configs": [{"merge": {}, **stated(item)} for item in runtime.configs if item["path"]],
        "keys": keys,
        "metrics": [metric for metric in runtime.metrics if metric["service"]],
        "health": runtime.health,
        "api": profile.api,
    }))  # fmt: skip


def _key(declared: Mapping[str, Any]) -> dict[str, Any]:
    """A key as a spec has it, given as the package asks for it."""
    named = f"key.{declared['name']}"
    usual = declared["kind"] != "file" and bool(declared["folder"] or declared["mount"])
    password = bool(declared["password"] or declared["password_file"] or usual)
    return {
        "name": declared["name"],
        "kind": declared["kind"] or "",
        "keystore": f"{named}.keystore",
        "password": f"{named}.password" if password else None,
        "keystore_env": declared["keystore"],
        "password_file_env": declared["password_file"],
        "folder_env": declared["folder"],
        "mount": declared["mount"],
        "services": list(declared["services"] or ()),
        "owner": declared["owner"],
    }


def _given(profile: Profile, spec: InstanceSpec, tokens: Mapping[str, str], wishes: Wishes) -> dict[str, str]:
    """Variable -> the value it gets on a host, ``OPEN`` where that is the operator's to say and was not said."""
    given: dict[str, str] = {}
    for option in profile.options:
        asked = (wishes.options or {}).get(option.name)
        # Before an operator chose, a path is open even where it has a default: the default of a package is no consent.
        undecided = wishes.options is None and option.type in _PATHS
        if asked is not None:
            given[option.target] = asked
        elif option.default_text is not None and not undecided:
            given.setdefault(option.target, option.default_text)
        elif undecided or option.target not in profile.env_values:
            given.setdefault(option.target, OPEN)
    given.update(key_mounts.variables(spec.keys, _KEYS))
    given.update({variable: tokens[name] for name, secret in spec.secrets.items() for variable in secret.env})
    return given


def layout_of(profile: Profile, files: ComposeFiles) -> Layout:
    known = frozenset(tree_files(str(profile.tree)))
    return Layout(
        ROOT, profile.compose_dir or ".", "/avs-tree", "/avs-data", _KEYS, "/avs-configs", known, folders_of(known), files.written
    )


def _place(place: str, profile: Profile, files: ComposeFiles) -> str:
    """The file and field of the package for the field of an instance."""
    own = place.partition(": ")[2]
    # A service's name may hold dots: the longest one that fits is meant.
    for known in sorted(files.places, key=len, reverse=True):
        if own == known or own.startswith(f"{known}."):
            return files.places[known] + own[len(known) :]
    return ": ".join(part for part in (f"profile {profile.name}", own) if part)
