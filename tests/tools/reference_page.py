# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``docs/reference.md``: options and return values of every module, lookup and filter, from their documentation blocks."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .markup import markdown, paragraph, table

_KINDS = {"modules": "Modules", "lookup": "Lookups", "filter": "Filters"}
_INTRO = """<!-- SPDX-License-Identifier: GPL-3.0-or-later -->
<!-- Generated from the plugins' documentation by `python -m tests.tools.generate`. -->
# Reference of modules and plugins

The same as `ansible-doc restaking.avs.<name>`, in tables. Roles have a table in their README.
"""


def reference_page(root: Path) -> str:
    parts = [_INTRO]
    for folder, title in _KINDS.items():
        pages = [page for path in sorted((root / "plugins" / folder).glob("*")) if (page := _plugin(root, path))]
        if pages:
            parts.append(f"\n# {title}\n" + "".join(pages))
    return "".join(parts)


def documentation(path: Path) -> dict[str, Any]:
    """A plugin's DOCUMENTATION; empty where the file has none."""
    return yaml.safe_load(_blocks(path).get("DOCUMENTATION", "")) or {}


def _plugin(root: Path, path: Path) -> str:
    doc = documentation(path)
    if not doc:
        return ""
    blocks = _blocks(path)
    given = _with_fragments(root, doc)
    name = doc.get("module") or doc.get("name")
    parts = [f"\n## restaking.avs.{name}\n\n{paragraph(doc['short_description'])}.\n\n{paragraph(doc.get('description'))}\n"]
    rows = [*_options(given)]
    if rows:
        parts.append("\n" + table(("option", "type", "default", "meaning"), rows))
    if blocks.get("EXAMPLES", "").strip():
        parts.append(f"\n<!-- block: tasks -->\n```yaml\n{blocks['EXAMPLES'].strip()}\n```\n")
    returned = [*_returned(yaml.safe_load(blocks.get("RETURN", "")) or {})]
    if returned:
        parts.append("\n" + table(("returned", "type", "when", "meaning"), returned))
    return "".join(parts)


def _blocks(path: Path) -> dict[str, str]:
    """The documentation strings of a plugin; a filter may keep them in a YAML file of its own."""
    if path.suffix in (".yml", ".yaml"):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {key: value if isinstance(value, str) else yaml.safe_dump(value, sort_keys=False) for key, value in document.items()}
    if path.suffix != ".py":
        return {}
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Constant):
            found[node.targets[0].id] = str(node.value.value)
    return found


def options_of(root: Path, path: Path) -> dict[str, Any]:
    """The options a plugin documents, those of fragments among them."""
    return _with_fragments(root, documentation(path))


def _with_fragments(root: Path, doc: dict[str, Any]) -> dict[str, Any]:
    merged = dict(doc.get("options") or {})
    names = doc.get("extends_documentation_fragment") or []
    for name in [names] if isinstance(names, str) else names:
        if not name.startswith("restaking.avs."):
            continue
        stem, _dot, part = name.removeprefix("restaking.avs.").partition(".")
        fragment = _fragment(root / "plugins" / "doc_fragments" / f"{stem}.py", part.upper() or "DOCUMENTATION")
        merged = {**(fragment.get("options") or {}), **merged}
    return merged


def _fragment(path: Path, block: str) -> dict[str, Any]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name) and item.targets[0].id == block:
                    assert isinstance(item.value, ast.Constant)
                    return yaml.safe_load(str(item.value.value))
    raise KeyError(f"{path} has no documentation fragment {block}")


def _options(options: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, ...]]:
    for name, spec in sorted(options.items(), key=lambda item: (not item[1].get("required", False), item[0])):
        kind = spec.get("type", "str") + (f" of {spec['elements']}" if "elements" in spec else "")
        default = "**required**" if spec.get("required") else ""
        if "default" in spec:
            default = markdown(f"C({json.dumps(spec['default'])})")
        meaning = paragraph(spec.get("description"))
        if "choices" in spec:
            meaning += " One of " + ", ".join(f"`{choice}`" for choice in spec["choices"]) + "."
        yield f"`{prefix}{name}`", kind, default, meaning
        yield from _options(spec.get("suboptions") or {}, f"{prefix}{name}.")


def _returned(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, ...]]:
    for name, spec in values.items():
        kind = spec.get("type", "") + (f" of {spec['elements']}" if "elements" in spec else "")
        yield f"`{prefix}{name}`", kind, markdown(spec.get("returned", "")), paragraph(spec.get("description"))
        yield from _returned(spec.get("contains") or {}, f"{prefix}{name}.")
