# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A job on its way through a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..common.actions import Action
from ..common.errors import AvsError
from ..common.findings import ERROR, Finding, errors_of
from ..health.probes import Health
from .draft import Draft
from .job import Job
from .prepare import Prepared


@dataclass
class Work:
    """A job on its way. ``kept`` is what a removal left, ``told`` what the run itself has to say."""

    job: Job
    draft: Draft | None = None
    prepared: Prepared | None = None
    actions: list[Action] = field(default_factory=list)
    health: Health | None = None
    kept: dict[str, Any] | None = None
    error: AvsError | None = None
    told: list[Finding] = field(default_factory=list)

    @property
    def state(self) -> str:
        return self.job.spec.state


def problems_of(instance: str, error: AvsError) -> list[Finding]:
    """What is to be told of an error, where it has no findings itself."""
    return errors_of(error.findings) or [Finding("", ERROR, instance, error.message)]
