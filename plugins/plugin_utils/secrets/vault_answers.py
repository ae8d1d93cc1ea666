# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an answer has the shape of Vault's: a login page or a proxy's word has not, and hvac hands out either."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

_T = TypeVar("_T")


class Foreign(Exception):
    """An answer that is not Vault's."""


def asking(ask: Callable[[], _T]) -> _T:
    """One request of hvac, which takes any JSON for Vault's and stumbles over the rest of it. Raises ``Foreign``."""
    from requests.exceptions import RequestException

    try:
        return ask()
    except RequestException:  # some of them are ValueErrors too
        raise
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Foreign from None


def part(answer: Any, name: str) -> Mapping[str, Any]:
    """A mapping within an answer. Raises ``Foreign``."""
    found = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(found, Mapping):
        raise Foreign
    return found


def number(data: Mapping[str, Any], name: str) -> int:
    """A whole number within an answer, 0 where there is none. Raises ``Foreign``."""
    found = data.get(name) or 0
    if not isinstance(found, int):
        raise Foreign
    return found


def login(answer: Any) -> Mapping[str, Any]:
    """The ``auth`` block of a login. Raises ``Foreign``."""
    auth = part(answer, "auth")
    number(auth, "lease_duration")
    if not isinstance(auth.get("client_token"), str):
        raise Foreign
    return dict(auth)
