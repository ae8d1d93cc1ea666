# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the containers of an instance are made of: as this release would make them, or, where nothing of the instance changed, as they
were made. A newer release of the collection recreates no container by itself, whatever else there is to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..common.findings import Finding
from ..docker.model import secret_variables
from ..instance.identity import spec_digest
from ..instance.store import InstanceStore
from ..policy import baseline
from ..policy.pipeline import Shaped, Wanted, compose_text
from .unchanged import made_by_older, transform_of


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


def made(
    spec: Mapping[str, Any],
    own: InstanceStore,
    state: Mapping[str, Any],
    shaped: Shaped,
    wanted: Mapping[str, Wanted],
    lock: Mapping[str, str],
    identities: Mapping[str, str],
    renew: bool,
) -> Made:
    """``shaped`` and ``wanted`` are what this release makes of the spec; ``renew``: that is what the operator asks for."""
    older = [] if renew else made_by_older(spec, state)
    text = own.compose_file() if older and own.release() == state.get("release") else None
    if text is not None and spec_digest(spec, identities, transform_of(state)) == state["spec_digest"]:
        before = {
            name: Wanted(item["name"], item["spec"], item["image"], bool(item.get("ends")), wanted[name].joins if name in wanted else ())
            for name, item in state["containers"].items()
        }
        kept = replace(shaped, model=json.loads(text), views=state["views"])
        recorded = state["variables"], state["images"], state["spec_digest"]
        return Made(kept, before, text, *recorded, transform_of(state), True, tuple(older))
    variables = secret_variables(shaped.model, shaped.resolved.tokens)
    return Made(shaped, wanted, compose_text(shaped), variables, lock, spec_digest(spec, identities), baseline.TRANSFORM)
