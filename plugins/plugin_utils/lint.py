# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue's rules that a package can be held to before an install."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..module_utils.findings import WARNING, Finding, by_severity
from ..module_utils.rules import finding
from .composefile import ComposeFiles, env_files, environment, read_compose
from .package import Package
from .profile import Profile

_UPDATERS = re.compile(r"watchtower|ouroboros|dockupdater|docker-auto-update|shepherd", re.IGNORECASE)
_FLOATING = frozenset(
    (
        "latest",
        "main",
        "master",
        "develop",
        "dev",
        "nightly",
        "edge",
        "stable",
        "testnet",
        "mainnet",
        "hoodi",
        "sepolia",
        "holesky",
    )
)
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|MNEMONIC|PRIVATE_?KEY|API_?KEY|AUTH_?TOKEN)(?:$|_(?!FILE|PATH|DIR))",
    re.IGNORECASE,
)
_DANGEROUS = frozenset((
    "ALL", "BPF", "DAC_READ_SEARCH", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "PERFMON",
    "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_TIME", "SYSLOG",
))  # fmt: skip
_SOCKETS = (
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/var/run/podman/podman.sock",
)


def lint_package(package: Package) -> list[Finding]:
    """Findings on every profile's compose files, and on the plugin's image."""
    found: list[Finding] = []
    for profile in package.profiles.values():
        found += lint_profile(profile)
    for plugin in [package.plugin, *(profile.plugin for profile in package.profiles.values())]:
        if plugin and is_floating(plugin["image"]):
            found.append(finding("IMG-001", "plugin.image", f"{plugin['image']} has no fixed tag"))
    return by_severity(found)


def lint_profile(profile: Profile) -> list[Finding]:
    files = read_compose(profile)
    found = list(files.findings)
    for name, settings in files.services.items():
        place = files.places[name]
        found += _privileges(name, settings, place, profile, files)
        found += _image(name, settings, place, files)
        found += _ports(name, settings, place, profile, files)
        found += _secrets(settings, place, profile)
    found += _variables(profile, files)
    found += _named_services(profile, files)
    return found


def is_floating(image: str) -> bool:
    """No digest, and no tag or one that moves."""
    if "@sha256:" in image:
        return False
    _name, colon, tag = image.rsplit("/", 1)[-1].partition(":")
    return not colon or tag.lower() in _FLOATING


def _image(name: str, settings: Mapping[str, Any], place: str, files: ComposeFiles) -> Iterator[Finding]:
    if settings.get("build") is not None:
        yield finding("PKG-015", f"{place}.build", "the image would be built on the host")
    image = files.text(settings.get("image"))
    if image and is_floating(image):
        yield finding("IMG-001", f"{place}.image", f"{image} has no fixed tag")
    if _UPDATERS.search(name) or (image and _UPDATERS.search(image)):
        yield finding("UPG-001", place, f"looks like an automatic updater ({image or name})")
    if str(settings.get("pull_policy", "")).startswith(("always", "daily", "weekly", "every_")):
        yield finding(
            "UPG-001",
            f"{place}.pull_policy",
            f"{settings['pull_policy']} fetches another image behind the operator's back",
        )


def _privileges(
    name: str, settings: Mapping[str, Any], place: str, profile: Profile, files: ComposeFiles
) -> Iterator[Finding]:
    if name not in profile.runtime.privileges:
        yield finding("PRIV-001", place, "has no privileges stated in runtime.yml")
    if files.text(settings.get("privileged")) == "true":
        yield finding("PRIV-002", f"{place}.privileged", "runs privileged")
    for field, value in (
        ("pid", "host"),
        ("ipc", "host"),
        ("userns_mode", "host"),
        ("uts", "host"),
        ("cgroup", "host"),
        ("network_mode", "host"),
    ):
        if files.text(settings.get(field)) == value:
            yield finding("PRIV-002", f"{place}.{field}", f"uses the host's {field.removesuffix('_mode')} namespace")
    stated = profile.runtime.privileges.get(name, {}).get("cap_add", [])
    declared = settings.get("cap_add")
    for capability in {*(declared if isinstance(declared, list) else []), *stated}:
        if str(capability).upper().removeprefix("CAP_") in _DANGEROUS:
            yield finding("PRIV-002", f"{place}.cap_add", f"wants the capability {capability}")
    for option in settings["security_opt"] if isinstance(settings.get("security_opt"), list) else []:
        if re.search(r"(?:seccomp|apparmor|label)[:=](?:unconfined|disable)", str(option)):
            yield finding("PRIV-002", f"{place}.security_opt", f"switches protection off ({option})")
    for position, source in enumerate(_mount_sources(settings, files)):
        if source in _SOCKETS:
            yield finding("PRIV-002", f"{place}.volumes[{position}]", f"mounts the engine's socket {source}")
        elif source is not None and source.startswith("/") and not source.strip("/"):
            yield finding("PRIV-002", f"{place}.volumes[{position}]", "mounts the root of the host")


def _mount_sources(settings: Mapping[str, Any], files: ComposeFiles) -> Iterator[str | None]:
    declared = settings.get("volumes")
    for mount in declared if isinstance(declared, list) else []:
        if isinstance(mount, Mapping):
            yield files.text(mount.get("source", mount.get("src")))
        else:
            text = files.text(mount)
            yield text.split(":", 1)[0] if text and ":" in text else None


def _ports(
    name: str, settings: Mapping[str, Any], place: str, profile: Profile, files: ComposeFiles
) -> Iterator[Finding]:
    allowed = profile.runtime.privileges.get(name, {}).get("ports", {})
    variables = {files.values.get(key) for key in allowed}
    declared = settings.get("ports")
    for position, port in enumerate(declared if isinstance(declared, list) else []):
        if isinstance(port, Mapping):
            address, target = files.text(port.get("host_ip")) or "", files.text(port.get("target")) or ""
        else:
            address, target = _short_port(files.text(port) or "")
        plain = target.split("/")[0]
        if not target or _is_loopback(address) or {target, plain} & set(allowed) or plain in variables:
            continue
        yield finding(
            "NET-001",
            f"{place}.ports[{position}]",
            f"port {target} is published on {address or 'all interfaces'} and not declared",
        )


def _short_port(text: str) -> tuple[str, str]:
    """Address and container port of compose's ``[[address:]published:]target[/protocol]``."""
    rest, _colon, target = text.rpartition(":")
    address = rest.rpartition(":")[0] if rest.count(":") else ""
    return address.strip("[]"), target


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _secrets(settings: Mapping[str, Any], place: str, profile: Profile) -> Iterator[Finding]:
    given = set(environment(settings))
    through = set(profile.env_values) if set(env_files(settings)) & set(profile.env_files) else set()
    hidden = {option.target for option in profile.options if option.hidden}
    for name in sorted(given | through):
        if _SECRET_NAME.search(name) or name in hidden:
            where = f"{place}.environment" if name in given else f"{place}.env_file"
            yield finding("KEY-003", where, f"hands the secret {name} to the process in its environment")
    keys = [key for key in profile.runtime.keys if key["services"]]
    service = place.rsplit(".", 1)[-1]
    for key in keys:
        for field in ("password", "keystore"):
            if key[field] in through and key[field] not in given and service not in key["services"]:
                yield finding(
                    "KEY-004",
                    f"{place}.env_file",
                    f"hands {key[field]} to a service that does not need key {key['name']}",
                )


def _variables(profile: Profile, files: ComposeFiles) -> Iterator[Finding]:
    place = f"{profile.compose_dir}/profile.yml" if profile.compose_dir else f"{profile.name}/profile.yml"
    if not files.passes_all:
        for option in profile.options:
            if option.target not in files.used:
                yield finding(
                    "PKG-012", f"{place}: option {option.name}", f"the compose files never use {option.target}"
                )
    supplied = {*profile.env_values, *(option.target for option in profile.options)}
    for position, key in enumerate(profile.runtime.keys):
        for field in ("keystore", "password", "password_file", "folder"):
            variable = key[field]
            supplied.add(variable)
            if variable and variable not in files.used and not files.passes_all:
                yield finding(
                    "PKG-012", f"runtime.yml: keys[{position}].{field}", f"the compose files never use {variable}"
                )
    for variable, needed in sorted(files.used.items()):
        if needed and variable not in supplied:
            message = f"{variable} is used, but nothing sets it"
            yield finding(
                "PKG-018", f"profile {profile.name}", message, "Add it to .env, or an option that fills it.", WARNING
            )


def _named_services(profile: Profile, files: ComposeFiles) -> Iterator[Finding]:
    """Services that the package speaks of must exist."""
    runtime = profile.runtime
    named: dict[str, str | None] = {f"privileges.{name}": name for name in runtime.privileges}
    named |= {f"metrics[{position}]": metric["service"] for position, metric in enumerate(runtime.metrics)}
    named |= {f"commands.{name}": command["service"] for name, command in runtime.commands.items()}
    named |= {f"keys.{key['name']}": name for key in runtime.keys for name in key["services"] or []}
    named |= {"health": (runtime.health or {}).get("service"), "api": (profile.api or {}).get("service")}
    for where, service in named.items():
        if service and service not in files.services:
            message = f"{where} names {service}, which is no service of the compose files"
            yield finding(
                "PKG-016", f"profile {profile.name}", message, f"Use one of: {', '.join(files.services)}.", WARNING
            )
