# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image references: tags, digests, repositories. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_locked(name: str) -> bool:
    return "@sha256:" in name or name.startswith("sha256:")


def digest_of(reference: str, image: Mapping[str, Any]) -> str:
    """The digest under which the reference's own repository serves the image, else the image's id."""
    repository = repository_of(reference)
    for digest in image.get("RepoDigests") or ():
        if repository_of(digest) == repository:
            return str(digest)
    return str(image["Id"])


def repository_of(reference: str) -> str:
    """The repository, in full: ``nginx:1`` is ``docker.io/library/nginx``."""
    name = reference.split("@")[0]
    head, _slash, last = name.rpartition("/")
    name = f"{head}/{last.split(':')[0]}" if head else last.split(":")[0]
    first = name.split("/")[0]
    if "/" not in name:
        return f"docker.io/library/{name}"
    if "." in first or ":" in first or first == "localhost":
        return name.replace("index.docker.io/", "docker.io/", 1)
    return f"docker.io/{name}"


def floats(image: str) -> bool:
    """No digest, and no tag or one without a number, which names no release."""
    return "@" not in image and not any(char.isdigit() for char in tag_of(image) or "")


def tag_of(image: str) -> str | None:
    """The tag of a reference without digest; a port in the registry's name is none."""
    last = image.rsplit("/", 1)[-1]
    return last.split(":", 1)[1] if ":" in last else None
