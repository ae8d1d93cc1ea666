# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All sources behind one question each way: what identifies these secrets, and what are their values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...module_utils.common.contents import as_text
from ...module_utils.common.errors import SecretError
from ...module_utils.common.findings import Finding
from .base import FileRequest, LiteralRequest, Need, Problem, SecretIdentity, SecretPath, SecretRequest, without_newline
from .file import FileSource
from .run_cache import RunVersions
from .vault import VaultSource


class Sources:
    """``vault`` makes the store's source, and is called only where a secret comes from there.

    ``others`` tells which paths the play's other hosts are going to want of the same store.
    """

    def __init__(
        self, vault: Callable[[], VaultSource], versions: RunVersions, files: FileSource, others: Callable[[], Iterable[SecretPath]] = tuple
    ) -> None:
        self._make_vault = vault
        self._versions = versions
        self._files = files
        self._others = others
        self._vault: VaultSource | None = None

    def __repr__(self) -> str:
        return "Sources()"

    def identify(self, needs: Sequence[Need]) -> tuple[dict[Need, dict[str, Any]], list[Finding]]:
        """The ``ref`` of each need, and a finding for each that cannot be had."""
        references: dict[Need, dict[str, Any]] = {}
        findings: list[Finding] = []
        stored = _stored(needs)
        try:
            versions = self._get_versions(stored)
        except SecretError as error:
            findings += [
                replace(item, place=need.place, message=f"{item.message} ({item.place})") for need in stored for item in error.findings
            ]
            stored = {}
        for need, request in stored.items():
            found = versions[request.path]
            if isinstance(found, Problem):
                findings.append(found.at(need.place))
            else:
                references[need] = {"version": found.as_text(self._source().connection.store, request)}
        for need in needs:
            if isinstance(need.request, FileRequest):
                findings += self._files.warnings(need.request, need.place)
            value = self._local(need)
            if isinstance(value, Problem):
                findings.append(value.at(need.place))
            elif value is not None:
                references[need] = self._files.reference(value)
        return references, findings

    def values(self, needs: Sequence[Need]) -> tuple[dict[Need, str], list[Finding]]:
        """The values behind references given out before, the same versions, whatever was written since; a finding for each that cannot
        be had. Raises ``SecretError`` where the store gives nothing at all."""
        values: dict[Need, str] = {}
        findings: list[Finding] = []
        pinned = self._pinned(_stored(needs))
        read = self._source().read(pinned.values()) if pinned else {}
        for need in needs:
            value = read[pinned[need]] if need in pinned else self._local(need)
            if isinstance(value, str):
                values[need] = _settled(need, value)
            elif value is not None:
                findings.append(value.at(need.place))
        return values, findings

    def close(self) -> None:
        if self._vault is not None:
            self._vault.close()
            self._vault = None

    def _source(self) -> VaultSource:
        if self._vault is None:
            self._vault = self._make_vault()
        return self._vault

    def _get_versions(self, stored: Mapping[Need, SecretRequest]) -> dict[SecretPath, SecretIdentity | Problem]:
        paths = {request.path for request in stored.values()}
        return self._versions.get(self._source(), paths, self._others) if paths else {}

    def _pinned(self, stored: Mapping[Need, SecretRequest]) -> dict[Need, SecretRequest]:
        versions = self._get_versions(stored)
        pinned = {}
        for need, request in stored.items():
            version = versions[request.path]
            number = version.number if isinstance(version, SecretIdentity) else request.path.version
            pinned[need] = replace(request, path=replace(request.path, version=number))
        return pinned

    def _local(self, need: Need) -> str | Problem | None:
        if isinstance(need.request, FileRequest):
            return self._files.value(need.request)
        return need.request.value.reveal() if isinstance(need.request, LiteralRequest) else None


def _settled(need: Need, value: str) -> str:
    """A value as it travels; a text of the store with a NUL byte in it goes as bytes do."""
    if need.line:
        value = without_newline(value)
    text = isinstance(need.request, SecretRequest) and not need.request.encoding
    return as_text(value.encode("utf-8", "surrogatepass")) if text and "\0" in value else value


def _stored(needs: Iterable[Need]) -> dict[Need, SecretRequest]:
    """Those that ask the secret store."""
    return {need: need.request for need in needs if isinstance(need.request, SecretRequest)}
