# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What sets the releases of the demo apart: one code base, the image's ``DEMO_VERSION`` chooses."""

from __future__ import annotations

from dataclasses import dataclass

SPEC_VERSION = "v0.2.0"


@dataclass(frozen=True)
class Release:
    """``schema`` is the database schema it works with.

    ``worker_starts`` false is a release whose worker never comes up; ``migration_breaks`` one whose last migration
    has a mistake in its second half. Both are there for upgrades to fail on.
    """

    version: str
    schema: int
    peer_port: bool = True
    worker_starts: bool = True
    migration_breaks: bool = False


_RELEASES = (
    Release("1.0.0", schema=1, peer_port=False),
    Release("1.1.0", schema=1),
    Release("2.0.0", schema=2),
    Release("2.1.0", schema=2, worker_starts=False),
    Release("2.2.0", schema=3, migration_breaks=True),
)
RELEASES = {release.version: release for release in _RELEASES}


def release_of(version: str) -> Release:
    """The release with that version; raises ``ValueError`` naming the known ones."""
    release = RELEASES.get(version)
    if release is None:
        raise ValueError(f"DEMO_VERSION is {version!r}; known: {', '.join(RELEASES)}")
    return release
