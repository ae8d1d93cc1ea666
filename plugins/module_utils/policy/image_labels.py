# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Labels a container gets from its image, which the compose file need not mention (rules PRIV-002, UPG-001). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..common.findings import Finding
from ..common.rules import finding
from ..docker.model import Model, services
from .setting_verdicts import NOTE, label_orders

_REMEDY = 'Have the package\'s authors remove it from the image, or switch it off in the compose file (its `enable` label: "false").'


def judge_image_labels(instance: str, model: Model, labels: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
    """``labels``: image as the vendor names it -> its labels. What the compose file says of a label wins, and was judged."""
    for name, service in services(model).items():
        image = str(service.get("image") or "")
        left = {label: text for label, text in labels.get(image, {}).items() if label not in (service.get("labels") or {})}
        for problem in label_orders(left):
            if problem.rule == NOTE:
                # Build tools leave labels of their own in every image.
                continue
            yield finding(problem.rule, f"{instance}: services.{name}.image", f"{image}: {problem.message}", _REMEDY)
