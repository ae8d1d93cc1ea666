# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible gives a task: the host's variables, settings, files on the controller, Ansible Vault. The one place that asks for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleError
from ansible.inventory.manager import IGNORED
from ansible.parsing.vault import AnsibleVaultFormatError
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars

from ..inventory.roll_call import Turn
from ..parsing.plain import plain
from ..secrets.controller_files import ControllerFiles, Places
from ..secrets.file import Unreadable


class Task:
    """A task on one host. ``variables`` are those Ansible hands to its action plugin."""

    def __init__(self, action: ActionBase, variables: Mapping[str, Any]) -> None:
        self.action, self.variables = action, variables
        self.host = str(variables.get("inventory_hostname", ""))
        """The inventory's name of the host whose instances these are."""
        self.id = str(action._task._uuid)
        """The same in every worker of this task, another in every other task."""

    @property
    def target(self) -> str:
        """The host that is asked, as a person knows it."""
        return str(self.action._task.delegate_to or self.variables.get("inventory_hostname", "the host"))

    @property
    def check(self) -> bool:
        return bool(self.action._task.check_mode)

    @property
    def diff(self) -> bool:
        return bool(self.action._task.diff)

    def setting(self, name: str) -> Any:
        """Ansible's own setting for the host that is asked, from its variables or the configuration."""
        variables = self.variables
        if self.action._task.delegate_to:
            variables = (variables.get("ansible_delegated_vars") or {}).get(self.action._task.delegate_to) or variables
        value = C.config.get_config_value(name, variables=variables)
        try:
            return self.action._templar.template(value)
        except AnsibleError:
            # Left to Ansible, which knows what it may be instead.
            return value

    @property
    def base(self) -> Path:
        """Where relative paths of the inventory start."""
        return Path(self.variables.get("inventory_dir") or self.variables.get("playbook_dir") or ".")

    @property
    def temp(self) -> str:
        """The run's own folder on the controller, removed by Ansible when the run ends."""
        return str(C.DEFAULT_LOCAL_TMP)

    @property
    def play(self) -> set[str]:
        """The hosts of the play, whatever becomes of them in it."""
        return {str(name) for name in self.variables.get("ansible_play_hosts_all") or ()}

    @property
    def groups(self) -> set[str]:
        """The inventory's."""
        return {str(name) for name in self.variables.get("groups") or ()}

    @property
    def place(self) -> int:
        """Of the host among those of the play, by the order they are taken in."""
        hosts = [str(name) for name in self.variables.get("ansible_play_hosts_all") or ()]
        return hosts.index(self.host) if self.host in hosts else len(hosts)

    @property
    def turn(self) -> Turn:
        """The hosts that are worked on together: of the play, or of a wave of it, without those that failed before this task."""
        batch = frozenset(str(name) for name in self.variables.get("ansible_play_batch") or ())
        return Turn(self.id, batch, int(context.CLIARGS.get("forks") or C.DEFAULT_FORKS), self.target)

    @property
    def everybody(self) -> set[str]:
        """The hosts of the inventory, also those a limit leaves out."""
        return {str(name) for name in (self.variables.get("groups") or {}).get("all") or ()}

    def variables_of(self, host: str) -> Mapping[str, Any]:
        """Another host's variables, templated on access."""
        variables: Mapping[str, Any] = self.variables["hostvars"][host]
        return variables

    def is_extra(self, name: str) -> bool:
        """Whether a variable was given on the command line (``-e``), so that every host has it."""
        return name in load_extra_vars(self.action._loader)

    def variable(self, name: str) -> Any:
        """The value of one of the host's variables, ``None`` where it is not set."""
        return plain(self.action._templar.template(self.variables[name])) if name in self.variables else None

    @property
    def files(self) -> ControllerFiles:
        sources = [str(source) for source in context.CLIARGS.get("inventory") or C.DEFAULT_HOST_LIST or ()]
        playbooks = [str(self.variables["playbook_dir"])] if self.variables.get("playbook_dir") else []
        return ControllerFiles(Places(self.base, sources, playbooks), self._needle, self._decrypt, _is_ignored)

    def _needle(self, name: str) -> str | None:
        try:
            return str(self.action._find_needle("files", name))
        except AnsibleError:
            return None

    def _decrypt(self, path: str, data: bytes) -> bytes:
        """What Ansible Vault encrypted. Raises ``Unreadable``."""
        vault = self.action._loader._vault
        if not vault.secrets:
            remedy = "Run with --vault-password-file or --ask-vault-pass, or set vault_password_file in ansible.cfg."
            raise Unreadable("is encrypted with Ansible Vault, and this run has no vault password", remedy)
        try:
            return bytes(vault.decrypt(data))
        except AnsibleVaultFormatError:
            remedy = "Restore it, or encrypt it anew with ansible-vault encrypt."
            raise Unreadable("is damaged: it starts as a file of Ansible Vault does, and is none", remedy) from None
        except AnsibleError:
            remedy = f"Give the one it was encrypted with (--vault-id, --vault-password-file); ansible-vault view {path} tells which."
            raise Unreadable("cannot be decrypted: no vault password of this run opens it", remedy) from None


def _is_ignored(name: str) -> bool:
    """Whether Ansible skips a file of this name in a folder that is an inventory."""
    return IGNORED.search(os.fsencode(name)) is not None
