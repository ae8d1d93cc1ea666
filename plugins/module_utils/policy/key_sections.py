# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key files a compose file shows by its own ``secrets`` and ``configs`` sections."""

from __future__ import annotations

import posixpath

from ..docker.model import Model, services, with_services
from .mounts import below


def as_binds(model: Model, keys: str) -> Model:
    """Compose's own ``secrets`` and ``configs`` that come from a key path, as the binds compose would make of them."""
    entries = {
        section: {
            name: entry["file"] for name, entry in (model.get(section) or {}).items() if below(entry.get("file") or "/", keys) is not None
        }
        for section in ("secrets", "configs")
    }
    if not any(entries.values()):
        return model
    changed = {}
    for name, service in services(model).items():
        service = dict(service)
        for section, known in entries.items():
            uses = service.get(section) or []
            for use in uses:
                if use.get("source") in known:
                    usual = f"/run/secrets/{use['source']}" if section == "secrets" else f"/{use['source']}"
                    target = posixpath.join(posixpath.dirname(usual), use.get("target") or usual)
                    bind = {"type": "bind", "source": known[use["source"]], "target": target}
                    service["volumes"] = [*(service.get("volumes") or ()), bind]
            kept = [use for use in uses if use.get("source") not in known]
            service.pop(section, None)
            if kept:
                service[section] = kept
        changed[name] = service
    return with_services(model, changed)


def without_key_files(model: Model, keys: str) -> Model:
    """The model without the entries ``as_binds`` made binds of."""
    changed = dict(model)
    for section in ("secrets", "configs"):
        entries = {name: entry for name, entry in (model.get(section) or {}).items() if below(entry.get("file") or "/", keys) is None}
        changed.pop(section, None)
        if entries:
            changed[section] = entries
    return changed
