# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image references: tags, digests, repositories. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# The grammar of the distribution project's reference package; its only limit of length is the path's.
_LABEL = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[A-Fa-f0-9:]+\])(?::[0-9]{{1,5}})?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(rf"(?:{_DOMAIN}/)?{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?\Z")
_LONGEST_PATH, _LONGEST = 255, 1024


def is_reference(text: object) -> bool:
    """A container image's name as a registry knows it: ``[domain/]path[:tag][@sha256:...]``."""
    if not isinstance(text, str) or len(text) > _LONGEST or not _REFERENCE.match(text):
        return False
    return len(repository_of(text).partition("/")[2]) <= _LONGEST_PATH


def reference_problem(text: str) -> str | None:
    """Why a package may not ask for this image: no reference, or what the engine could take for the id of an image it has."""
    if not is_reference(text):
        return f"{text[:200]!r} is not a reference of an image"
    name, _at, digest = text.partition("@")
    if not digest and (re.fullmatch(r"[0-9a-f]+", name) or name.startswith("sha256:")):
        return f"{text} may be the id of an image on the host, which somebody else brought there; it is no name a registry knows"
    return None


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
    if "." in first or ":" in first or first == "localhost" or first != first.lower():
        return name.replace("index.docker.io/", "docker.io/", 1)
    return f"docker.io/{name}"


def floats(image: str) -> bool:
    """No digest, and no tag or one without a number, which names no release."""
    return "@" not in image and not any(char.isdigit() for char in tag_of(image) or "")


def tag_of(image: str) -> str | None:
    """The tag of a reference without digest; a port in the registry's name is none."""
    last = image.rsplit("/", 1)[-1]
    return last.split(":", 1)[1] if ":" in last else None
