# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys, passwords and tokens out of HashiCorp Vault or OpenBao, with the login of the run."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: vault_key
author: restaking.avs contributors (@restaking)
version_added: "0.1.0"
short_description: Read keys and passwords from HashiCorp Vault or OpenBao
description:
  - Reads secrets of a KV version 2 store, such as the keystore and password of an AVS key.
  - In a play with P(restaking.avs.instances#module) it uses that task's login, which is made once and revoked at the end of the
    run. Elsewhere every call logs in and revokes its token before it returns. A token that was given is never revoked.
  - Options and variables are named like those of the collection C(community.hashi_vault).
requirements:
  - hvac >= 2.3 (Python library)
options:
  _terms:
    description: Paths of secrets, without the mount point, such as V(avs/op1/bls).
    required: true
    type: list
    elements: str
  field:
    description: Name of one field. Without it a dictionary with all fields of the secret is returned.
    type: str
  mount_point:
    description: Where the KV version 2 store is mounted.
    type: str
    default: secret
  version:
    description: Version of the secrets; V(0) is the newest.
    type: int
    default: 0
  url:
    description: Address of the store. E(VAULT_ADDR) is used last.
    type: str
    env:
      - name: ANSIBLE_HASHI_VAULT_ADDR
    ini:
      - section: hashi_vault_collection
        key: url
    vars:
      - name: ansible_hashi_vault_url
      - name: ansible_hashi_vault_addr
  auth_method:
    description: How to log in.
    type: str
    choices: [token, approle]
    default: token
    env:
      - name: ANSIBLE_HASHI_VAULT_AUTH_METHOD
    ini:
      - section: hashi_vault_collection
        key: auth_method
    vars:
      - name: ansible_hashi_vault_auth_method
  auth_mount_point:
    description: Where the login method is mounted. By default its own name.
    type: str
    env:
      - name: ANSIBLE_HASHI_VAULT_MOUNT_POINT
    ini:
      - section: hashi_vault_collection
        key: mount_point
    vars:
      - name: ansible_hashi_vault_mount_point
  token:
    description: A token. E(VAULT_TOKEN), then the token file are used last.
    type: str
    env:
      - name: ANSIBLE_HASHI_VAULT_TOKEN
    vars:
      - name: ansible_hashi_vault_token
  token_path:
    description: Folder of the token file. By default the home folder.
    type: str
    env:
      - name: ANSIBLE_HASHI_VAULT_TOKEN_PATH
    ini:
      - section: hashi_vault_collection
        key: token_path
    vars:
      - name: ansible_hashi_vault_token_path
  token_file:
    description: Name of the token file.
    type: str
    default: .vault-token
    env:
      - name: ANSIBLE_HASHI_VAULT_TOKEN_FILE
    ini:
      - section: hashi_vault_collection
        key: token_file
    vars:
      - name: ansible_hashi_vault_token_file
  role_id:
    description: Role id of an AppRole login.
    type: str
    env:
      - name: ANSIBLE_HASHI_VAULT_ROLE_ID
    ini:
      - section: hashi_vault_collection
        key: role_id
    vars:
      - name: ansible_hashi_vault_role_id
  secret_id:
    description: Secret id of an AppRole login.
    type: str
    env:
      - name: ANSIBLE_HASHI_VAULT_SECRET_ID
    vars:
      - name: ansible_hashi_vault_secret_id
  namespace:
    description: Namespace of the store. E(VAULT_NAMESPACE) is used last.
    type: str
    env:
      - name: ANSIBLE_HASHI_VAULT_NAMESPACE
    ini:
      - section: hashi_vault_collection
        key: namespace
    vars:
      - name: ansible_hashi_vault_namespace
  ca_cert:
    description: File with the CA certificates that may have signed the store's. E(VAULT_CACERT) is used last.
    type: str
    env:
      - name: ANSIBLE_HASHI_VAULT_CA_CERT
    ini:
      - section: hashi_vault_collection
        key: ca_cert
    vars:
      - name: ansible_hashi_vault_ca_cert
  validate_certs:
    description: Whether to verify the store's certificate. The opposite of E(VAULT_SKIP_VERIFY) where that is set, else V(true).
    type: bool
    vars:
      - name: ansible_hashi_vault_validate_certs
  timeout:
    description: Seconds to wait for the store. By default V(30).
    type: int
    env:
      - name: ANSIBLE_HASHI_VAULT_TIMEOUT
    ini:
      - section: hashi_vault_collection
        key: timeout
    vars:
      - name: ansible_hashi_vault_timeout
  retries:
    description: How often to repeat a request the store could not serve, a number or a dictionary with the key C(total).
    type: raw
    env:
      - name: ANSIBLE_HASHI_VAULT_RETRIES
    ini:
      - section: hashi_vault_collection
        key: retries
    vars:
      - name: ansible_hashi_vault_retries
  proxies:
    description: Proxy for all requests, or a dictionary of proxies by scheme.
    type: raw
    env:
      - name: ANSIBLE_HASHI_VAULT_PROXIES
    ini:
      - section: hashi_vault_collection
        key: proxies
    vars:
      - name: ansible_hashi_vault_proxies
seealso:
  - plugin: community.hashi_vault.vault_kv2_get
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Hand the password of a key to a module that keeps it to itself
  example.org.signer:
    password: "{{ lookup('restaking.avs.vault_key', 'avs/op1/bls', field='password') }}"
  no_log: true

- name: Use both fields of one secret, read once
  example.org.signer:
    keystore: "{{ key.keystore }}"
    password: "{{ key.password }}"
  vars:
    key: "{{ lookup('restaking.avs.vault_key', 'avs/op1/bls', mount_point='operators', version=3) }}"
  no_log: true
"""

RETURN = r"""
_raw:
  description: One value a term, the field's text or a dictionary of fields.
  type: list
  elements: raw
"""

from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import AvsError, SecretError
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Problem
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.connection import VARIABLES, connection
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.run_cache import RunTokens, revoke_at_exit
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.run_folder import RunFolder
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.vault_client import VaultSource
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.vault_requests import SecretPath, SecretRequest

# Only the main process can do this; most lookups happen in workers.
revoke_at_exit(C.DEFAULT_LOCAL_TMP, Display().warning)


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        self.set_options(var_options=self._connection_variables(variables or {}), direct=kwargs)
        try:
            return self._read([str(plain(term)).strip("/") for term in terms], variables or {})
        except AvsError as error:
            raise AnsibleLookupError(harmless(str(error))) from None

    def _connection_variables(self, variables: dict[str, Any]) -> dict[str, Any]:
        """The option system takes variables as they are written; addresses and credentials are often templates."""
        names = [name for option in VARIABLES.values() for name in option if name in variables]
        return {name: self._templar.template(variables[name]) for name in names}

    def _read(self, terms: list[str], variables: dict[str, Any]) -> list[Any]:
        def option(name: str) -> Any:
            value = plain(self.get_option(name))
            found = self.find_file_in_search_path(variables, "files", value, True) if name == "ca_cert" and value else None
            return found or value

        field = self.get_option("field")
        mount_point, version = str(self.get_option("mount_point")).strip("/"), int(self.get_option("version"))
        paths = [SecretPath(mount_point, term, version) for term in terms]
        source = VaultSource(connection(option), RunTokens(RunFolder(C.DEFAULT_LOCAL_TMP)))
        try:
            if field:
                requests = [SecretRequest(path, str(field)) for path in paths]
                values = source.values(requests)
                return [values[request] for request in requests]
            secrets = source.secrets(paths)
        finally:
            source.close()
        problems = [secret.at(str(path)) for path, secret in secrets.items() if isinstance(secret, Problem)]
        if problems:
            raise SecretError("secrets are missing in the secret store", problems)
        return [secrets[path] for path in paths]
