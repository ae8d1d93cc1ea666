# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge between a task and the parts: options and variables in, one result out, every error translated once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.restaking.avs.plugins.module_utils.errors import AvsError, InputError, SecretError
from ansible_collections.restaking.avs.plugins.module_utils.findings import Finding, by_severity, errors_of
from ansible_collections.restaking.avs.plugins.plugin_utils.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.fleet import surveyed_paths, surveyed_uses, survey
from ansible_collections.restaking.avs.plugins.plugin_utils.hostcall import Terms, reconcile
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory import Entry, parse_instances, parse_taps
from ansible_collections.restaking.avs.plugins.plugin_utils.keyuse import public_uses, shared_keys, uses_of
from ansible_collections.restaking.avs.plugins.plugin_utils.package import Package, PackageRequest, load_package
from ansible_collections.restaking.avs.plugins.plugin_utils.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import SecretPath
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.connection import VARIABLES, connection
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.file import FileSource
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.run_cache import RunFolder, RunTokens, RunVersions, revoke_at_exit
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.sources import Sources
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.vault import VaultSource
from ansible_collections.restaking.avs.plugins.plugin_utils.spec import build_specs
from ansible_collections.restaking.avs.plugins.plugin_utils.wording import problems_text

MODULE = "restaking.avs.instances"
_ARGUMENTS = {
    "instances": {"type": "raw", "required": True},
    "taps": {"type": "raw", "default": []},
    "lock_timeout": {"type": "int", "default": 60},
    "settings": {"type": "dict", "default": {}},
    "cache_dir": {"type": "path"},
}
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/]*@?[^/]*:")

display = Display()

# The main process imports this file before it forks the first worker of a task with this action.
revoke_at_exit(C.DEFAULT_LOCAL_TMP, display.warning)


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(None, task_vars)
        self._vars: dict[str, Any] = task_vars or {}
        self._labels: dict[str, str] = {}
        self._changed = False
        _validation, arguments = self.validate_argument_spec(_ARGUMENTS)
        try:
            result.update(self._reconcile(arguments))
        except AvsError as error:
            problems = error.findings or [Finding("", "error", "", error.message)]
            text = problems_text(self._labels, errors_of(problems) or problems, self._target(), self._changed)
            result.update(failed=True, changed=self._changed, msg=text, instances=[], findings=[item.as_dict() for item in error.findings])
        result.pop("invocation", None)
        return result

    def _reconcile(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        host = str(self._vars.get("inventory_hostname", ""))
        self._run_folder = RunFolder(C.DEFAULT_LOCAL_TMP)
        entries, findings = parse_instances(plain(arguments["instances"]))
        self._labels = {entry.place: entry.label for entry in entries}
        taps, found = parse_taps(self._located(plain(arguments["taps"]), "url"), self._find)
        findings += found
        findings += shared_keys(uses_of(host, entries), surveyed_uses(self._survey(), host))
        cache = Cache(Path(arguments["cache_dir"]).expanduser() if arguments["cache_dir"] else None, Path(C.DEFAULT_LOCAL_TMP))
        packages: dict[PackageRequest, Package] = {}

        def load(entry: Entry) -> Package:
            package = entry.package if isinstance(entry.package, str) else self._located([entry.package], "path", "archive")[0]
            request = PackageRequest(package, entry.version, entry.commit, entry.require_checksum)
            known = next((loaded for asked, loaded in packages.items() if asked == request), None)
            if known is None:
                known = load_package(request, taps, cache)
                packages[request] = known
            return known

        sources = self._sources()
        try:
            built = build_specs(entries, load, sources, findings)
            terms = Terms(arguments["lock_timeout"], plain(arguments["settings"]), bool(self._task.check_mode))
            answer = reconcile(built, terms, self._call, sources, lambda first: self._review(host, first))
        finally:
            sources.close()
        self._changed = bool(answer.get("changed"))
        answer["findings"] = _merged(built.findings, answer.get("findings") or [])
        if answer.get("failed") and not self._changed and answer.get("findings"):
            answer["msg"] = self._with_reassurance(str(answer.get("msg", "")))
        return answer
