# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the code knows and the hand-written pages, and the changelog, must mention."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from .rules_page import catalogue


def unmentioned(root: Path) -> list[str]:
    """A line for every entry field, variable, refusing rule and plugin that its page leaves out."""
    inventory = (root / "docs" / "inventory.md").read_text(encoding="utf-8")
    trouble = (root / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    plugins = root / "plugins" / "plugin_utils"
    code = {
        "field of avs_instances": entry_fields(plugins / "inventory" / "entries.py"),
        "variable of the secret store": source_variables(plugins / "secrets"),
        "variable": avs_variables(root),
    }
    lines = [
        f"docs/inventory.md: the {kind} {name} is not mentioned"
        for kind, names in code.items()
        for name in sorted(set(names))
        if f"`{name}`" not in inventory
    ]
    listed = (root / "changelogs" / "changelog.yaml").read_text(encoding="utf-8")
    lines += [
        f"changelogs/changelog.yaml: {name} is not listed; run tests/tools/changelog.sh refresh"
        for name in plugin_names(root)
        if not re.search(rf"(?m)^\s+name: {name}$", listed)
    ]
    covered = rules_in(trouble)
    lines += [
        f"docs/troubleshooting.md: the rule {rule.id} refuses, and is not mentioned"
        for rule in catalogue(root).values()
        if rule.severity == "error" and rule.id not in covered
    ]
    return lines


def plugin_names(root: Path) -> Iterable[str]:
    """Names of modules, lookups, filters and roles that the newest release has: what is newer is listed when it is released."""
    newest = _numbers(str(yaml.safe_load((root / "galaxy.yml").read_text(encoding="utf-8"))["version"]))
    for folder in ("modules", "lookup", "filter"):
        for path in sorted((root / "plugins" / folder).glob("*.py")):
            added = re.search(r'(?m)^version_added: "([0-9.]+)"$', path.read_text(encoding="utf-8"))
            if path.stem != "__init__" and not (added and _numbers(added[1]) > newest):
                yield path.stem
    for path in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        added = str(yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"].get("version_added") or "0")
        if _numbers(added) <= newest:
            yield path.parent.parent.name


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def rules_in(text: str) -> set[str]:
    """Ids of rules in a text; ``PKG-001 to PKG-019`` stands for all between."""
    found = set(re.findall(r"\b[A-Z]{2,4}-\d{3}\b", text))
    for area, first, last in re.findall(r"\b([A-Z]{2,4})-(\d{3}) to \1-(\d{3})\b", text):
        found |= {f"{area}-{number:03d}" for number in range(int(first), int(last) + 1)}
    return found


def entry_fields(path: Path) -> list[str]:
    """Fields of the dataclass ``Entry``; where the entry stands and how it was written is not the operator's to set."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == "Entry":
            names = [item.target.id for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)]
            return [name for name in names if name not in ("place", "encrypted")]
    raise KeyError(f"{path} has no class Entry")


def source_variables(folder: Path) -> list[str]:
    """Variables that say how sources of secrets are reached."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
    return re.findall(r"\"(ansible_hashi_vault_\w+|avs_aws_\w+)\"", text)


def avs_variables(root: Path) -> Iterable[str]:
    """``avs_*`` variables that roles and playbooks read."""
    for path in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
        yield from (name for name in spec["argument_specs"]["main"]["options"] if name.startswith("avs_"))
    for path in (*root.glob("playbooks/*.yml"), *root.glob("playbooks/parts/*.yml")):
        text = path.read_text(encoding="utf-8")
        kept = set(re.findall(r"register: (avs_\w+)", text))
        yield from (
            set(re.findall(r"\b(avs_\w+)\b", "\n".join(re.findall(r"(?m)^[^#\n]*\{\{.*|^\s+(?:- |that: |when: ).*", text))))
            - kept
            - {"avs_hosts"}
        )
