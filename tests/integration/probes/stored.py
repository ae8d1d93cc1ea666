# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs on a lab host: the rows demo-avs has committed, whatever schema its database has. ``stored.py INSTANCE LAST``

Prints one JSON line: how many rows there are, the height of the last one, and a digest of those up to height LAST.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys


def main() -> None:
    instance, last = sys.argv[1], int(sys.argv[2])
    path = f"/var/lib/docker/volumes/avs-{instance}_node-data/_data/demo.sqlite"
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    columns = {row[1] for row in database.execute("PRAGMA table_info(history)")}
    moment = "updated_at" if "updated_at" in columns else "CAST(strftime('%s', updated) AS INTEGER)"
    rows = database.execute(f"SELECT height, {moment} FROM history ORDER BY height").fetchall()
    known = json.dumps([row for row in rows if row[0] <= last]).encode()
    print(json.dumps({"rows": len(rows), "last": rows[-1][0] if rows else 0, "digest": hashlib.sha256(known).hexdigest()}))


main()
