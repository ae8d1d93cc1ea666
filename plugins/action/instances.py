# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge between a task and the parts: options and variables in, one result out, every error translated once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.inventory.manager import IGNORED
from ansible.parsing.vault import AnsibleVaultFormatError, VaultHelper
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import AvsError, InputError, SecretError
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import ERROR, Finding, by_severity, errors_of
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless
from ansible_collections.restaking.avs.plugins.module_utils.common.rules import finding
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import Entry, labels, parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.fleet import survey, surveyed_paths, surveyed_uses
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.key_use import (
    Use,
    claimed_uses,
    kinds_of,
    public_uses,
    shared_keys,
    still_held,
    uses_of,
)
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.outcome import beginning, done, outcome, told
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import build_specs
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.wording import failures_text, problems_text
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import Package, PackageRequest, load_package
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.calls import Terms, carries_macs, reconcile, scrubbed
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.copy import (
    archive,
    code,
    copy_name,
    died,
    is_missing,
    last_line,
    module_said,
    said,
    start,
)
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Need, SecretPath
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.connection import VARIABLES, connection
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.controller_files import ControllerFiles
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.file import FileSource, Unreadable
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.run_cache import RunFolder, RunTokens, RunVersions, revoke_at_exit
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.sources import Sources
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.vault import VaultSource
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import TapConfig, parse_taps

MODULE = "restaking.avs.instances"
_ARGUMENTS = {
    "instances": {"type": "raw", "required": True},
    "taps": {"type": "raw", "default": []},
    "lock_timeout": {"type": "int", "default": 60},
    "settings": {"type": "dict", "default": {}},
    "cache_dir": {"type": "path"},
    "partial": {"type": "bool", "default": False},
    "inventory_only": {"type": "bool", "default": False},
}

display = Display()

# The main process imports this file before it forks the first worker of a task with this action: what is read here is read once a run.
revoke_at_exit(C.DEFAULT_LOCAL_TMP, display.warning)
code()


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        # What the base class returns is Ansible's to change; a task's result is made of our own fields alone.
        super().run(None, task_vars)
        self._vars: dict[str, Any] = task_vars or {}
        self._labels: dict[str, str] = {}
        self._changed = False
        self._copy: str | None = None
        self._missing: str | None = None
        self._needs: Mapping[str, Any] = {}
        _validation, arguments = self.validate_argument_spec(_ARGUMENTS)
        try:
            answer = self._reconcile(arguments)
        except AvsError as error:
            problems = error.findings or [Finding("", ERROR, "", error.message)]
            text = problems_text(self._labels, errors_of(problems) or problems, self._target(), self._changed)
            found = [item.as_dict() for item in error.findings]
            answer = {"failed": True, "changed": self._changed, "msg": text, "instances": [], "findings": found}
        result = outcome(answer, bool(self._task.diff), brief=not display.verbosity)
        if not arguments["inventory_only"]:
            self._say(answer, result)
        return result

    def _say(self, answer: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """What a person should know whatever callback shows the result; beside it, so that a callback's output stays its own."""
        if not self._task.diff:
            for line in done(answer.get("instances") or (), self._target(), bool(self._task.check_mode)):
                display.display(line, stderr=True)
        for line in told(answer.get("findings") or (), result):
            display.warning(line)

    def _reconcile(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        host = str(self._vars.get("inventory_hostname", ""))
        given = plain(arguments["instances"])
        entries, findings = parse_instances(given, is_encrypted=partial(_is_encrypted, arguments["instances"]))
        self._labels = labels(given)
        run_folder = RunFolder(C.DEFAULT_LOCAL_TMP)
        record = run_folder.once(f"survey-{self._task._uuid}", lambda: self._survey(host))
        findings += shared_keys(uses_of(host, entries), surveyed_uses(record, host))
        taps = self._taps(arguments["taps"], findings)
        cache = Cache(Path(arguments["cache_dir"]).expanduser() if arguments["cache_dir"] else None, Path(C.DEFAULT_LOCAL_TMP))
        loaded: list[tuple[PackageRequest, Package]] = []

        def load(entry: Entry) -> Package:
            request = PackageRequest(self._package_source(entry.package), entry.version, entry.commit, entry.require_checksum)
            for known, package in loaded:
                if known == request:
                    return package
            package = load_package(request, taps, cache)
            loaded.append((request, package))
            return package

        sources = self._sources(run_folder, record)
        try:
            self._copy = copy_name(str(self._setting("INTERPRETER_PYTHON")))
            built = build_specs(entries, load, sources, findings)
            for spec, entry in zip(built.specs, built.entries):
                self._labels[entry.place] = self._labels[spec["id"]] = entry.label(spec["id"])
            terms = Terms(arguments["lock_timeout"], plain(arguments["settings"]), bool(self._task.check_mode))
            if arguments["inventory_only"] and not errors_of(built.findings):
                return {"changed": False, "findings": [item.as_dict() for item in built.findings]}
            # Where the inventory is wrong already, the host is asked for what it finds wrong with the rest.
            answer = reconcile(
                built, terms, self._call, partial(self._values, sources), partial(_review, run_folder, host, kinds_of(built.specs))
            )
        except AvsError as error:
            # What becomes of an engine that is not there is not for the inventory to say.
            own = [item for item in error.findings if item.id != "OPS-004"] if arguments["inventory_only"] else error.findings
            raise type(error)(error.message, own) from None
        finally:
            sources.close()
        theirs = answer.get("findings")
        if arguments["partial"] and theirs is not None:
            theirs = [item for item in theirs if item["id"] != "INV-003"]
            answer["unlisted"] = []
        answer["findings"] = _merged(built.findings, theirs or ())
        began = self._changed or any(instance.get("error") for instance in answer.get("instances") or ())
        # A module that died gives no findings, and nobody knows how far it came.
        if answer.get("failed") and theirs is not None and not began:
            answer["msg"] = self._refusal(str(answer.get("msg", "")), theirs)
        elif answer.get("failed") and any(instance.get("error") for instance in answer.get("instances") or ()):
            answer["msg"] = failures_text(self._labels, answer["instances"], self._target())
        return answer

    def _refusal(self, message: str, findings: Iterable[Mapping[str, Any]]) -> str:
        """What the host found wrong, in the words of the inventory."""
        problems = errors_of(Finding.from_dict(dict(item)) for item in findings)
        return problems_text(self._labels, problems or [Finding("", ERROR, "", message)], self._target())

    def _taps(self, given: Any, findings: list[Finding]) -> list[TapConfig]:
        try:
            return parse_taps(plain(given), self._base())
        except InputError as error:
            findings += error.findings
            return []

    def _sources(self, run_folder: RunFolder, record: Mapping[str, Any]) -> Sources:
        files = self._files()

        def make() -> VaultSource:
            return VaultSource(connection(self._vault_option), RunTokens(run_folder))

        def others() -> list[SecretPath]:
            return surveyed_paths(record, connection(self._vault_option))

        return Sources(make, RunVersions(run_folder, str(self._task._uuid)), FileSource(files.find, files.read, files.exposed), others)

    def _vault_option(self, option: str) -> Any:
        value = next((plain(self._templar.template(self._vars[name])) for name in VARIABLES[option] if name in self._vars), None)
        return (self._files().find(str(value)) or value) if option == "ca_cert" and value else value

    def _survey(self, host: str) -> dict[str, Any]:
        play = {str(name) for name in self._vars.get("ansible_play_hosts_all") or ()}
        everybody = {str(name) for name in (self._vars.get("groups") or {}).get("all") or ()}
        return survey(sorted(everybody | play | {host}), play, self._variables_of)

    def _variables_of(self, host: str) -> Mapping[str, Any]:
        variables: Mapping[str, Any] = self._vars["hostvars"][host]
        return variables

    def _base(self) -> Path:
        """Where relative paths of the inventory start."""
        return Path(self._vars.get("inventory_dir") or self._vars.get("playbook_dir") or ".")

    def _package_source(self, package: str | Mapping[str, str]) -> str | Mapping[str, str]:
        """Folders and archives from the inventory's folder, addresses as they are."""
        if isinstance(package, str) or "git" in package:
            return package
        return {kind: str(self._base() / Path(path).expanduser()) for kind, path in package.items()}

    def _files(self) -> ControllerFiles:
        sources = [str(source) for source in context.CLIARGS.get("inventory") or C.DEFAULT_HOST_LIST or ()]
        playbooks = [str(self._vars["playbook_dir"])] if self._vars.get("playbook_dir") else []
        return ControllerFiles(
            self._base(), sources, playbooks, self._needle, self._decrypt, lambda name: IGNORED.search(os.fsencode(name)) is not None
        )

    def _needle(self, name: str) -> str | None:
        try:
            return str(self._find_needle("files", name))
        except AnsibleError:
            return None

    def _decrypt(self, path: str, data: bytes) -> bytes:
        """What Ansible Vault encrypted. Raises ``Unreadable``."""
        if not self._loader._vault.secrets:
            remedy = "Run with --vault-password-file or --ask-vault-pass, or set vault_password_file in ansible.cfg."
            raise Unreadable("is encrypted with Ansible Vault, and this run has no vault password", remedy)
        try:
            return bytes(self._loader._vault.decrypt(data))
        except AnsibleVaultFormatError:
            remedy = "Restore it, or encrypt it anew with ansible-vault encrypt."
            raise Unreadable("is damaged: it starts as a file of Ansible Vault does, and is none", remedy) from None
        except AnsibleError:
            remedy = f"Give the one it was encrypted with (--vault-id, --vault-password-file); ansible-vault view {path} tells which."
            raise Unreadable("cannot be decrypted: no vault password of this run opens it", remedy) from None

    def _values(self, sources: Sources, needs: list[Need]) -> tuple[Mapping[Need, str], list[Finding]]:
        self._require_stdin()
        return sources.values(needs)

    def _call(self, document: dict[str, Any], secret_values: dict[str, dict[str, str]]) -> dict[str, Any]:
        log = not self._setting("DEFAULT_NO_TARGET_SYSLOG")
        if document["complete"] and not document["trial"] and not self._task.check_mode:
            display.display(beginning(self._needs, document["specs"], self._target()), stderr=True)
        arguments: dict[str, Any] = {"document": {**document, "log": log}}
        if secret_values:
            arguments["secret_values"] = secret_values
        try:
            answer = self._ask_copy(arguments)
            if answer is None:
                answer = self._ask_module(arguments)
        except AnsibleConnectionFailure as error:
            if not document["trial"]:
                raise
            # What is wrong with the inventory is worth telling, whether or not the host can be asked about the rest.
            return {"failed": True, "msg": str(error)}
        self._changed = self._changed or bool(answer.get("changed") and not document["trial"])
        self._needs = answer.get("needs") or {}
        return answer

    def _ask_copy(self, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer of the copy of the library the host keeps; ``None`` where it has none, or the task is to be run in a way of its own."""
        if not self._copy or C.DEFAULT_KEEP_REMOTE_FILES or any(self._task.environment or ()):
            return None
        call = {**arguments, "check": bool(self._task.check_mode), "diff": bool(self._task.diff)}
        before = self._set_pipelining(True)
        try:
            if not self._connection.is_pipelining_enabled():
                return None
            done = self._low_level_execute_command(start(self._copy), in_data=json.dumps(call).encode())
        finally:
            self._set_pipelining(before)
        answer = said(done["stdout"])
        if answer is not None:
            return answer
        values = [value for own in arguments.get("secret_values", {}).values() for value in own.values()]
        errors = scrubbed(done["stderr"], values)
        if arguments["document"]["complete"] and not is_missing(done["rc"]):
            display.vvv(harmless(errors), self._target())
            return died(done["rc"], errors, self._copy)
        # Nothing was changed. The second call need not try again, and a module that goes all the way leaves a new copy.
        display.vv(f"no answer from {self._copy} ({done['rc']}: {harmless(last_line(errors))}), asking a module", self._target())
        self._copy, self._missing = None, self._copy
        return None

    def _ask_module(self, arguments: dict[str, Any]) -> dict[str, Any]:
        document = arguments["document"]
        if "secret_values" in arguments or carries_macs(document):
            self._set_pipelining(True)
        if self._missing and not (self._task.check_mode or document["trial"]):
            arguments = {**arguments, "document": {**document, "copy": {"name": self._missing, "archive": archive()}}}
        returned = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=self._vars)
        answer, warnings, errors = module_said(returned, self._target())
        values = [value for own in arguments.get("secret_values", {}).values() for value in own.values()]
        for line in warnings:
            display.warning(harmless(scrubbed(line, values)))
        if errors:
            display.vvv(harmless(scrubbed(errors, values)), self._target())
        return answer

    def _setting(self, name: str) -> Any:
        """Ansible's own setting for the host that is asked, from its variables or the configuration."""
        variables = self._vars
        if self._task.delegate_to:
            variables = (self._vars.get("ansible_delegated_vars") or {}).get(self._task.delegate_to) or self._vars
        value = C.config.get_config_value(name, variables=variables)
        try:
            return self._templar.template(value)
        except AnsibleError:
            # Left to Ansible, which knows what it may be instead.
            return value

    def _update_module_args(self, module_name: str, module_args: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super()._update_module_args(module_name, module_args, *args, **kwargs)
        # The host's syslog is no place for a document of this size, with references to secrets in it.
        module_args["_ansible_no_log"] = True

    def _require_stdin(self) -> None:
        """Raises ``SecretError`` where a file on the host, or a log, would come to hold the module's arguments."""
        if C.DEFAULT_KEEP_REMOTE_FILES:
            raise _unsafe(
                "ANSIBLE_KEEP_REMOTE_FILES keeps module arguments in files on the host",
                "Unset ANSIBLE_KEEP_REMOTE_FILES (keep_remote_files).",
            )
        if C.DEFAULT_DEBUG:
            raise _unsafe("ANSIBLE_DEBUG prints module arguments", "Unset ANSIBLE_DEBUG.")
        self._set_pipelining(True)
        if not self._connection.is_pipelining_enabled():
            means = f"the connection {self._connection.transport}"
            if self._connection.become is not None and not self._connection.become.pipelining:
                means = f"become with {self._connection.become.name}"
            raise _unsafe(
                f"{means} cannot pass a module through its standard input", "Use the connection ssh, and sudo where become is needed."
            )

    def _set_pipelining(self, wanted: bool) -> bool:
        """Whether a module and its arguments go through the connection's standard input, whatever the configuration says.

        Returns what it was.
        """
        try:
            before = self._connection.get_option("pipelining")
            self._connection.set_option("pipelining", wanted)
        except KeyError:
            before, self._play_context.pipelining = self._play_context.pipelining, wanted
        return bool(before)

    def _target(self) -> str:
        return str(self._task.delegate_to or self._vars.get("inventory_hostname", "the host"))


def _is_encrypted(instances: Any, position: int, option: str) -> bool:
    """Whether an option's value was written as an inline ``!vault`` value. What Ansible hands over is decrypted and says so by a tag."""
    try:
        return VaultHelper.get_ciphertext(instances[position]["options"][option], with_tags=False) is not None
    except (LookupError, TypeError):
        return False


def _unsafe(message: str, remedy: str) -> SecretError:
    text = f"secrets are not sent: {message}"
    return SecretError(text, [finding("SEC-002", "", text, remedy)])


def _review(
    run_folder: RunFolder,
    host: str,
    kinds: Mapping[str, Mapping[str, str]],
    first: Mapping[str, Any],
    values: Mapping[str, Mapping[str, str]],
) -> None:
    """Compare what tells keys apart (public id, content) of running keys and of those about to be sent with what other hosts of this run reported.

    Raises ``InputError`` where a key would run twice.
    """
    # A node nobody lists any more still signs, and so does one that is about to be changed.
    held = still_held(first.get("held") or (), values)
    mine = [*public_uses(host, [*(first.get("instances") or ()), *held]), *claimed_uses(host, values, kinds)]
    with run_folder.locked("public"):
        known = run_folder.read("public") or {"uses": []}
        others = [Use(**use) for use in known["uses"] if use["host"] != host]
        run_folder.write("public", {"uses": [use.as_dict() for use in (*others, *mine)]})
    problems = shared_keys(mine, others)
    if problems:
        raise InputError("a key would run twice", problems)


def _merged(mine: Iterable[Finding], theirs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Findings of both sides, each once, errors first."""
    return [item.as_dict() for item in by_severity([*mine, *(Finding.from_dict(dict(item)) for item in theirs)])]
