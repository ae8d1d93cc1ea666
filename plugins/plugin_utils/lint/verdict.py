# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that can be said of a package before an install, for the module and the lookups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...module_utils.common.findings import Finding, by_severity, errors_of
from ...module_utils.common.rules import finding
from ..fetching.cache import Cache
from ..packages.option_values import resolve_options
from ..packages.package import Package, inspect_package
from ..packages.profile import Profile
from ..packages.renames import carry
from ..taps.locate import PackageRequest
from ..taps.tap import TapConfig
from .host_rules import Wishes
from .lint import lint_package


@dataclass(frozen=True)
class Verdict:
    """``label`` is what a person calls the package; ``findings``: errors first."""

    label: str
    package: Package | None
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        """``package``, ``valid``, ``findings``, ``versions`` as ``package_info`` returns them."""
        return {
            "package": self.package.as_dict() if self.package else None,
            "valid": not errors_of(self.findings),
            "findings": [item.as_dict() for item in self.findings],
            "versions": list(self.package.versions) if self.package else [],
        }


@dataclass(frozen=True)
class Intent:
    """What an operator is going to write of the package in ``avs_instances``, as far as it is known. ``options`` are for ``profile``, or
    the only profile there is; ``None``: nothing is known of them yet."""

    profile: str | None = None
    options: Mapping[str, Any] | None = None
    exceptions: Sequence[Mapping[str, Any]] = ()


def judge(request: PackageRequest, taps: Sequence[TapConfig], cache: Cache, intent: Intent | None = None) -> Verdict:
    """The package with every finding on it, judged with what an operator intends."""
    intent = intent or Intent()
    inspection = inspect_package(request, taps, cache)
    found = list(inspection.findings)
    package = inspection.package
    label = inspection.label
    if package is not None:
        chosen, problem = _choose(package, intent.profile, intent.options is not None)
        found += [problem] if problem else []
        found += lint_package(package, _wishes(package, chosen, intent))
        if chosen is not None and intent.profile is not None:
            label = f"{label}, profile {chosen.name}"
        if chosen is not None and intent.options is not None:
            found += resolve_options(chosen, intent.options).findings
    return Verdict(label, package, tuple(by_severity(found)))


def _wishes(package: Package, chosen: Profile | None, intent: Intent) -> dict[str, Wishes]:
    """Exceptions hold for every profile; options for the one they are for, as far as they are well formed."""
    found = {name: Wishes(exceptions=intent.exceptions) for name in package.profiles}
    options = intent.options
    if chosen is not None and options is not None:
        filled = resolve_options(chosen, options).env
        named = carry(chosen.runtime.renames, options, "").values
        given = {option.name: filled[option.target] for option in chosen.options if option.name in named and option.target in filled}
        found[chosen.name] = Wishes(given, intent.exceptions)
    return found


def _choose(package: Package, name: str | None, needed: bool) -> tuple[Profile | None, Finding | None]:
    remedy = f"Choose one of: {', '.join(package.profiles) or 'none'}."
    if name is not None:
        chosen = package.profiles.get(name)
        return chosen, None if chosen else finding("INV-002", "profile", f"there is no profile {name}", remedy)
    if not needed or len(package.profiles) == 1:
        return next(iter(package.profiles.values()), None), None
    return None, finding("INV-002", "profile", "options are given, but not the profile they are for", remedy)
