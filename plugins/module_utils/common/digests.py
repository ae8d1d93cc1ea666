# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Canonical JSON and the digests built on it."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON value: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(value: Any) -> str:
    """SHA-256 over the canonical form, hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def keyed_digest(key: bytes, value: str) -> str:
    """HMAC-SHA-256, hex: compares a secret without keeping it."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()
