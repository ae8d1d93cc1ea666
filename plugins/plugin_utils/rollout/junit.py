# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rollout as JUnit's XML, which build servers read: a suite a wave, a case a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from ..reports.text import one_line
from .outcome import BAD, HAD, LEFT_OUT, NOT_BEGUN
from .report import Model, way_of


def junit_text(model: Model) -> str:
    """Nothing in it is anything else than a text in an attribute; what XML has no form for was made harmless before."""
    suites: dict[str, list[Mapping[str, Any]]] = {}
    names = {wave["number"]: wave["name"] for wave in model["waves"]}
    for node in model["nodes"]:
        suites.setdefault(names.get(node["wave"], "no wave"), []).append(node)
    nodes = model["nodes"]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {_attributes(name=model['name'], **_numbers(nodes))}>"]
    for name, own in suites.items():
        lines.append(f"  <testsuite {_attributes(name=name, **_numbers(own))}>")
        lines += [f"    {_case(node)}" for node in own]
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _case(node: Mapping[str, Any]) -> str:
    named = _attributes(classname=node["host"], name=node["id"] or "host", time=node["stopped"] or 0)
    if node["result"] in BAD:
        return f"<testcase {named}><failure {_attributes(type=node['result'], message=node['reason'] or way_of(node))}/></testcase>"
    if node["result"] in (HAD, LEFT_OUT, NOT_BEGUN):
        return f"<testcase {named}><skipped {_attributes(message=': '.join(part for part in (node['result'], node['reason']) if part))}/></testcase>"
    return f"<testcase {named}/>"


def _numbers(nodes: list[Mapping[str, Any]]) -> dict[str, int]:
    return {
        "tests": len(nodes),
        "failures": sum(node["result"] in BAD for node in nodes),
        "skipped": sum(node["result"] in (HAD, LEFT_OUT, NOT_BEGUN) for node in nodes),
    }


def _attributes(**given: Any) -> str:
    return " ".join(f"{name}={quoteattr(one_line(value))}" for name, value in given.items())
