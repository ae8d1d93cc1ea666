# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's ssh keys: one pair for the operator, one host key a host, known before the first login."""

from __future__ import annotations

from pathlib import Path

from .paths import Lab
from .shell import run


def operator(lab: Lab) -> Path:
    """Private key file of the operator; ``.pub`` beside it."""
    return _pair(lab.ssh / "id_ed25519", f"operator@{lab.name}")


def host(lab: Lab, name: str) -> Path:
    """Private host key file of a host; ``.pub`` beside it."""
    return _pair(lab.ssh / f"{name}_host_key", name)


def release(lab: Lab) -> Path:
    """Private key that signs the tags of the tap and the packages; ``allowed_signers`` beside it."""
    path = _pair(lab.ssh / "release_ed25519", "release@example.org")
    allowed_signers(lab).write_text(f'release@example.org namespaces="git" {public(path)}\n', encoding="utf-8")
    return path


def allowed_signers(lab: Lab) -> Path:
    """What a user of the tap puts into ``allowed_signers``, see ssh-keygen(1)."""
    return lab.ssh / "allowed_signers"


def _pair(path: Path, comment: str) -> Path:
    if not path.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])
    return path


def public(path: Path) -> str:
    return Path(f"{path}.pub").read_text(encoding="utf-8").strip()


def known_hosts(lab: Lab) -> Path:
    return lab.ssh / "known_hosts"
