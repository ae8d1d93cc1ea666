# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the lab keeps its things, and what it is called."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError

LABEL = "restaking.avs.lab"


@dataclass(frozen=True)
class Lab:
    """One lab: ``root`` is the repository, ``name`` prefixes every container, network and volume."""

    root: Path
    name: str

    @property
    def home(self) -> Path:
        return self.root / ".lab"

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    @property
    def ssh(self) -> Path:
        return self.home / "ssh"

    @property
    def git(self) -> Path:
        return self.home / "git"

    @property
    def artifacts(self) -> Path:
        return self.home / "artifacts"

    @property
    def cosign(self) -> Path:
        return self.home / "cosign"

    @property
    def trust(self) -> Path:
        return self.home / "trust"

    @property
    def labels(self) -> dict[str, str]:
        """On everything the lab makes in the engine, so that `down` can find it and nothing else."""
        return {LABEL: "1", f"{LABEL}.name": self.name, f"{LABEL}.root": str(self.root)}

    def called(self, part: str) -> str:
        return f"{self.name}-{part}"

    def prepare(self) -> None:
        for folder in (self.home, self.cache, self.ssh, self.git, self.artifacts, self.cosign, self.trust):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.ssh, self.cosign, self.trust):
            folder.chmod(0o700)


def this_lab() -> Lab:
    """The lab of this checkout; ``AVS_LAB_NAME`` lets a second checkout run one beside it."""
    name = os.environ.get("AVS_LAB_NAME", "avs-lab")
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
        raise LabError(f"AVS_LAB_NAME: {name!r} is not a name (lower case letters, digits, dashes)")
    return Lab(root=Path(__file__).resolve().parents[2], name=name)
