# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import os
import sys
from collections.abc import Mapping

from demo_avs.log import Log
from demo_avs.main import serve

from .node import EigendaNode
from .settings import read_settings


def _make(environ: Mapping[str, str], log: Log) -> EigendaNode:
    return EigendaNode(read_settings(environ), environ.get("STAND_IN_VERSION", "0.0.0"), log)


sys.exit(serve(_make, "eigenda-node", os.environ))
