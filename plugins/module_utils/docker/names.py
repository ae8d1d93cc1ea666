# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an instance's project, containers and labels are called in the engine. Pure."""

from __future__ import annotations

LABEL_INSTANCE, LABEL_SERVICE, LABEL_SPEC = "avs.instance", "avs.service", "avs.spec"


def project(instance: str) -> str:
    return f"avs-{instance}"


def container_name(instance: str, service: str) -> str:
    return f"avs-{instance}-{service}"
