# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put the keys of the scenario's node into the lab's secret store."""

from __future__ import annotations

import secrets

from tests.lab import paths, vault
from tests.lab.keystores import make_keystore


def main() -> None:
    lab = paths.this_lab()
    for name, kind in (("bls", "bn254"), ("ecdsa", "ecdsa")):
        password = secrets.token_urlsafe(24)
        keystore, _public_id = make_keystore(kind, password, None, 4096)
        vault.put(lab, f"avs/molecule/{name}", {"keystore": keystore, "password": password})
    vault.put(lab, "avs/molecule/rpc", {"token": secrets.token_urlsafe(24)})


if __name__ == "__main__":
    main()
