# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo's images are folders of Python packages: put them on the path as their Dockerfiles do."""

from __future__ import annotations

import sys
from pathlib import Path

IMAGES = Path(__file__).resolve().parents[1]
for folder in ("demo-avs", "demo-avs-plugin", "eigenda-node"):
    sys.path.append(str(IMAGES / folder))
