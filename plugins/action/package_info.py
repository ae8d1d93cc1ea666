# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge between a package_info task and the package model; runs on the controller and contacts no host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import Finding
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless, shown_findings
from ansible_collections.restaking.avs.plugins.module_utils.common.rules import finding
from ansible_collections.restaking.avs.plugins.modules.package_info import ARGUMENTS, SOURCES
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import parse_exceptions, parse_package
from ansible_collections.restaking.avs.plugins.plugin_utils.lint.verdict import Intent, Verdict, judge
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import PackageRequest, counted
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import parse_taps


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(None, task_vars)
        _validation, given = self.validate_argument_spec(ARGUMENTS, mutually_exclusive=[SOURCES], required_one_of=[SOURCES])
        arguments = plain(given)
        try:
            base = (task_vars or {}).get("inventory_dir")
            taps = parse_taps(
                [{key: value for key, value in tap.items() if value is not None} for tap in arguments["taps"]],
                Path(base or self._loader.get_basedir()),
                "taps",
            )
            cache = Cache(_folder(arguments["cache_dir"]), Path(C.DEFAULT_LOCAL_TMP))
            exceptions, problems = parse_exceptions(arguments["exceptions"])
            package, found = (None, []) if arguments["package"] is None else parse_package(arguments["package"])
            if problems or found:
                raise InputError("the arguments are not well formed", [*problems, *found])
            request = self._request({**arguments, "package": package})
            verdict = judge(request, taps, cache, Intent(arguments["profile"], arguments["options"], exceptions))
        except InputError as error:
            problems = error.findings or [finding("SRC-001", "", error.message)]
            verdict = Verdict(error.message, None, tuple(problems))
        told = verdict.as_dict()
        result = {"changed": False, **told, "findings": shown_findings(told["findings"])}
        problems = _failing(verdict.findings, arguments["fail_on"])
        if problems:
            result.update(failed=True, msg=harmless(str(counted(verdict.label, problems))))
        return result

    def _request(self, arguments: Mapping[str, Any]) -> PackageRequest:
        source: str | dict[str, str] = ""
        for kind in SOURCES:
            value = arguments[kind]
            if value is None:
                continue
            source = self._local(value if kind == "package" else {kind: value})
        return PackageRequest(source, arguments["version"], arguments["commit"], arguments["require_checksum"])

    def _local(self, source: str | dict[str, str]) -> str | dict[str, str]:
        """Folders and archives from the playbook's folder, addresses and names as they are."""
        if isinstance(source, str) or "git" in source:
            return source
        return {kind: str(Path(self._loader.get_basedir()) / Path(value).expanduser()) for kind, value in source.items()}


def _folder(path: str | None) -> Path | None:
    return Path(path).expanduser() if path else None


def _failing(findings: Sequence[Finding], fail_on: str) -> list[Finding]:
    severities = {"error": ("error",), "warning": ("error", "warning"), "never": ()}[fail_on]
    return [item for item in findings if item.severity in severities]
