# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the containers of an instance are made of: as this release would make them, or, where nothing of the instance changed, as they
were made. A newer release of the collection recreates no container by itself, whatever else there is to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..common.findings import Finding
from ..common.words import COMMITTED
from ..docker.model import secret_variables, services
from ..instance.identity import spec_digest
from ..instance.state import NONE, State
from ..policy import baseline
from ..policy.pipeline import Shaped, Wanted, compose_text, joins_of
from .recorded import standing
from .unchanged import made_by_older

if TYPE_CHECKING:
    from .draft import Draft


@dataclass(frozen=True)
class Made:
    """``text`` is the compose file, ``variables`` secret name -> variable in it, ``lock`` image -> digest, ``transform`` the rules it was
    made by; ``kept``: as it was made before."""

    shaped: Shaped
    wanted: Mapping[str, Wanted]
    text: str
    variables: Mapping[str, str]
    lock: Mapping[str, str]
    digest: str
    transform: int
    kept: bool = False
    findings: tuple[Finding, ...] = ()


def made(item: Draft, pinned: tuple[Shaped, dict[str, Wanted]], renew: bool) -> Made:
    """``pinned`` is what this release makes of the spec; ``renew``: that is what the operator asks for."""
    shaped, wanted = pinned
    state, own, spec = item.state, item.files, item.spec
    older: list[Finding] = []
    same = state is not None and standing(spec, state, item.identities, own)
    if state is not None and same and not renew:
        # One whose start was cut is as it was committed, too.
        older = made_by_older(spec.id, state.but(phase=COMMITTED))
    text = own.compose_file() if state is not None and older and own.release() == state.release else None
    if text is not None and state is not None:
        joins = {name: one.joins for name, one in wanted.items()}
        return _kept(state, shaped, text, joins, tuple(older))
    variables = secret_variables(shaped.model, shaped.resolved.tokens)
    # That of a release which knew fewer fields stays.
    kept = state is not None and same and state.transform == baseline.TRANSFORM
    digest = state.spec_digest if state is not None and kept else spec_digest(spec, item.identities)
    return Made(shaped, wanted, compose_text(shaped), variables, item.images.lock, digest, baseline.TRANSFORM)


def as_recorded(item: Draft) -> Made:
    """As it was made before, where it cannot be made again; its draft is made of its record."""
    text = item.files.compose_file() or ""
    joins = {name: joins_of(service) for name, service in services(json.loads(text)).items()}
    return _kept(item.state or NONE, item.shaped, text, joins, ())


def _kept(state: State, shaped: Shaped, text: str, joins: Mapping[str, tuple[str, ...]], told: tuple[Finding, ...]) -> Made:
    kept = replace(shaped, model=json.loads(text), views={service: dict(view) for service, view in state.views.items()})
    wanted = {name: Wanted(one.name, one.spec, str(one.image), one.ends, joins.get(name, ())) for name, one in state.containers.items()}
    return Made(kept, wanted, text, state.variables, state.images, state.spec_digest, state.transform, True, told)
