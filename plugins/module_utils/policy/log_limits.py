# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of a log the engine does not take (rule PKG-020). Pure.

Where the limits come from: moby's ``daemon/logger`` (``factory.go``, ``loggerutils``) and Go's ``strconv.ParseBool``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Problem = tuple[str, str, str]

_BOOLEANS = ("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False")
_MODES = ("blocking", "non-blocking")
# What a tag may name of its container (moby's logger.Info).
_OF_A_TAG = frozenset((
    "ID", "FullID", "Name", "ImageID", "ImageFullID", "ImageName", "Command", "Hostname", "Config", "ContainerID", "ContainerName",
    "ContainerEntrypoint", "ContainerArgs", "ContainerImageID", "ContainerImageName", "ContainerCreated", "ContainerEnv", "ContainerLabels",
    "LogPath", "DaemonName",
))  # fmt: skip
# Go's regular expressions know none of these.
_NOT_OF_GO = re.compile(r"\(\?<?[=!]|\\[1-9]|\(\?P=|\(\?\(")
_LONGEST = 1000
_CORRECT = "Correct it."


def judge_log(service: Mapping[str, Any]) -> Iterator[Problem]:
    """``logging`` as the package writes it; sizes and numbers of files are replaced, whatever they are."""
    options = {name: str(value) for name, value in ((service.get("logging") or {}).get("options") or {}).items()}
    mode = options.get("mode") or "blocking"
    if mode not in _MODES:
        yield "logging.options.mode", f"{mode} is not one of {', '.join(_MODES)}", _CORRECT
    elif "max-buffer-size" in options and mode != "non-blocking":
        yield "logging.options.max-buffer-size", "is of the mode non-blocking alone", "Write mode: non-blocking, or remove it."
    if "compress" in options and not is_switch(options["compress"]):
        yield "logging.options.compress", f"{options['compress']} is neither true nor false", _CORRECT
    for name in ("labels-regex", "env-regex"):
        problem = _no_pattern(options.get(name, ""))
        if problem:
            yield f"logging.options.{name}", f"is no regular expression the engine reads: {problem}", _CORRECT
    problem = _no_tag(options.get("tag", ""))
    if problem:
        yield "logging.options.tag", problem, "Write {{.Name}}, {{.ID}}, {{.ImageName}} and the like."


def is_switch(value: Any) -> bool:
    return str(value) in _BOOLEANS


def _no_pattern(text: str) -> str:
    if len(text) > _LONGEST:
        return f"it has more than {_LONGEST} characters"
    foreign = _NOT_OF_GO.search(text)
    if foreign:
        return f"it knows no {foreign.group()}"
    try:
        re.compile(text)
    except re.error as error:
        # Go knows escapes Python does not.
        return "" if "escape" in str(error) or "flag" in str(error) else str(error)
    except (RecursionError, OverflowError):
        return ""
    return ""


def _no_tag(text: str) -> str:
    if text.count("{{") != text.count("}}"):
        return f"{text[:80]} has a {{{{ without its }}}}"
    unknown = [word for word in re.findall(r"\{\{-? ?\.(\w+) ?-?\}\}", text) if word not in _OF_A_TAG]
    return f"{{{{.{unknown[0][:80]}}}}} is nothing the engine knows of a container" if unknown else ""
