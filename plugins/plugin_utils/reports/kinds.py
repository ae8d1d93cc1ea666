# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports that are made of rows: which columns each has in a table and in CSV. JSON has every field of a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...module_utils.common.errors import InputError
from ...module_utils.common.harmless import harmless
from .forms import Sheet, rendered
from .text import text_table

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """``name``: of the list in JSON; ``columns``: title -> what stands in it of a row; ``below``: lines that
    stand below the table."""

    name: str
    columns: Mapping[str, Callable[[Row], Any]]
    below: Callable[[Sequence[Row]], list[str]] | None = None


def _field(name: str) -> Callable[[Row], Any]:
    return lambda row: row.get(name)


def _version(name: str) -> Callable[[Row], Any]:
    """A version and a state in one cell."""
    return lambda row: " ".join(str(part) for part in (row.get(name) or {}).values() if part)


def _findings(rows: Sequence[Row]) -> list[str]:
    """What is to be said of a row beside what stands in it."""
    lines = [f"{item['place']}: {item['message']} ({item['id']})" for row in rows for item in row.get("findings") or ()]
    return ["\n".join(harmless(line) for line in lines)] if lines else []


def _changes(rows: Sequence[Row]) -> list[str]:
    """What the versions between two say of themselves, once for all instances they are between."""
    told: dict[tuple[Any, ...], list[str]] = {}
    for row in rows:
        if row.get("behind"):
            lines = [f"{row['package']} {row['installed']} -> {row['newest']}"]
            for item in row.get("versions") or ():
                lines.append(f"  {item['version']} ({item['upgrade'] or 'urgency not stated'})")
                lines += [f"    {harmless(line)}" for line in item["changes"]]
            told.setdefault((row["tap"], row["package"], row["installed"], row["newest"]), lines)
    return ["\n".join(lines) for lines in told.values()]


def _installed(row: Row) -> str:
    """``v1.0.0 (2), v1.1.0 (1)``: versions that are installed, and on how many instances."""
    counts: dict[str, int] = {}
    for item in row.get("installed") or ():
        counts[str(item.get("version") or "unknown")] = counts.get(str(item.get("version") or "unknown"), 0) + 1
    return ", ".join(f"{version} ({count})" for version, count in sorted(counts.items()))


def _newer(rows: Sequence[Row]) -> list[str]:
    """Instances for which there is something newer, and what."""
    lines = [
        f"{item['id']} on {item['host']} has {item['version']}; {row['tap']} offers {', '.join(item['newer'])}"
        for row in rows
        for item in row.get("installed") or ()
        if item.get("newer")
    ]
    return ["\n".join(harmless(line) for line in lines)] if lines else []


def _type(row: Row) -> str:
    """An option's type, with the values one may choose from."""
    values = (row.get("validate") or {}).get("options") or ()
    return f"{row.get('type')} ({', '.join(map(str, values))})" if values else str(row.get("type"))


def _second(instant: Any) -> str:
    """An instant without its parts of a second."""
    return f"{str(instant)[:19]}Z" if instant else ""


def _sums(rows: Sequence[Row]) -> list[str]:
    """How much there is of each host."""
    sums: dict[str, int] = {}
    for row in rows:
        if row.get("removed"):
            sums[row["host"]] = sums.get(row["host"], 0) + int(row.get("bytes") or 0)
    lines = [f"{host}: {size} bytes ({size / (1 << 20):.1f} MiB)" for host, size in sums.items()]
    return ["\n".join(lines)] if lines else ["nothing to remove"]


KINDS: Mapping[str, Kind] = {
    "plan": Kind(
        "instances",
        {
            "host": _field("host"),
            "instance": _field("id"),
            "installed": _version("installed"),
            "wanted": _version("wanted"),
            "plan": _field("plan"),
        },
    ),
    "outdated": Kind(
        "instances",
        {
            "host": _field("host"),
            "instance": _field("id"),
            "tap": _field("tap"),
            "installed": _field("installed"),
            "newest": _field("newest"),
            "upgrade": _field("upgrade"),
            "before": lambda row: f"{row['upgrade_before']} ({row['time_left']})" if row.get("upgrade_before") else "",
            "note": _field("note"),
        },
        lambda rows: [*_findings(rows), *_changes(rows)],
    ),
    "packages": Kind(
        "packages",
        {
            "tap": _field("tap"),
            "package": _field("package"),
            "newest": _field("newest"),
            "installed": _installed,
            "networks": lambda row: ", ".join(row.get("networks") or ()),
            "description": lambda row: "; ".join(row.get("problems") or ()) or row.get("description"),
        },
        _newer,
    ),
    "profiles": Kind(
        "profiles",
        {
            "package": _field("package"),
            "version": _field("version"),
            "profile": _field("profile"),
            "options": _field("options"),
            "required": lambda row: ", ".join(row.get("required") or ()),
        },
    ),
    "options": Kind(
        "options",
        {
            "name": _field("name"),
            "type": _type,
            "default": _field("default"),
            "required": lambda row: "yes" if row.get("required") else "",
            "hidden": lambda row: "yes" if row.get("hidden") else "",
            "help": _field("help"),
        },
    ),
    "backups": Kind(
        "backups",
        {
            "host": _field("host"),
            "instance": _field("instance"),
            "time": lambda row: _second(row.get("time")),
            "backup": _field("id"),
            "version": _field("version"),
            "proven": lambda row: _second(row.get("verified")) or "never",
        },
        lambda rows: [] if rows else ["no backups"],
    ),
    "prune": Kind(
        "things",
        {
            "host": _field("host"),
            "what": _field("what"),
            "name": _field("name"),
            "bytes": _field("bytes"),
            "of": lambda row: ", ".join(row.get("instances") or ()),
            "note": lambda row: "" if row.get("removed") else f"stays: {row.get('note')}",
        },
        _sums,
    ),
}


def rows_report(rows: Sequence[Row], kind: str, form: str, query: str) -> str:
    """Raises ``InputError``."""
    known = KINDS.get(kind)
    if known is None:
        raise InputError(f"{kind!r} is no kind of report: use one of {', '.join(KINDS)}")
    sheet = Sheet(list(known.columns), [[cell(row) for cell in known.columns.values()] for row in rows])
    table = "\n\n".join([text_table(sheet.columns, sheet.rows), *(known.below(rows) if known.below else ())])
    return rendered({known.name: list(rows)}, sheet, table, form, query)
