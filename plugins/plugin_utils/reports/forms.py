# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A document in the form that was asked for, all of it or what a query finds in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...module_utils.common.errors import InputError
from .text import csv_text, text_table

TABLE, JSON, CSV = "table", "json", "csv"
FORMS = (TABLE, JSON, CSV)


@dataclass(frozen=True)
class Sheet:
    """What stands in a table where no query says otherwise."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def checked_form(form: str) -> str:
    """Raises ``InputError`` for what is no form of a report."""
    if form not in FORMS:
        raise InputError(f"{form!r} is no form of a report: use one of {', '.join(FORMS)}")
    return form


def compiled(query: str) -> Any:
    """A JMESPath query, ``None`` where there is none. Raises ``InputError`` where it is not one, or the library is missing."""
    if not query:
        return None
    try:
        import jmespath
        import jmespath.exceptions
    except ImportError:
        raise InputError(
            "a query needs the Python library jmespath on the controller: pip install jmespath, in the environment of ansible-core"
        ) from None
    try:
        return jmespath.compile(query)
    except (jmespath.exceptions.JMESPathError, RecursionError) as error:
        raise InputError(f"{query!r} is no JMESPath query: {_said(error)}") from None


def found(query: str, document: Any) -> Any:
    """What a query finds. Raises ``InputError``."""
    search = compiled(query)
    if search is None:
        return document
    import jmespath.exceptions

    try:
        return search.search(document)
    except (jmespath.exceptions.JMESPathError, RecursionError) as error:
        raise InputError(f"the query {query!r} cannot be answered: {_said(error)}") from None


def as_json(value: Any) -> str:
    """In ASCII, so that no text in it is more than text to a terminal."""
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def rendered(document: Any, sheet: Sheet, sheet_table: str | None = None, form: str = TABLE, query: str = "") -> str:
    """``document`` is what JSON shows and queries look at, ``sheet`` what stands in a table and in CSV without one; ``sheet_table``: the
    table where it is another than that of the sheet. Raises ``InputError``."""
    checked_form(form)
    if not query and form != JSON:
        if form == TABLE and sheet_table is not None:
            return sheet_table
    else:
        answer = found(query, document)
        if form == JSON:
            return as_json(answer)
        sheet = _sheet(answer, query)
        if form == TABLE and not sheet.rows:
            return f"the query {query!r} finds nothing"
    return text_table(sheet.columns, sheet.rows) if form == TABLE else csv_text(sheet.columns, sheet.rows)


def _sheet(answer: Any, query: str) -> Sheet:
    """Rows of what a query found: a list of dictionaries, of lists, or of single values; one value alone is a list of itself."""
    items = answer if isinstance(answer, list) else [] if answer is None else [answer]
    if items and all(isinstance(item, Mapping) for item in items):
        columns = list(dict.fromkeys(name for item in items for name in item))
        return Sheet(columns, [[_cell(item.get(name)) for name in columns] for item in items])
    if items and all(isinstance(item, list) for item in items):
        width = max(len(item) for item in items)
        return Sheet(
            [str(number + 1) for number in range(width)], [[_cell(cell) for cell in item] + [""] * (width - len(item)) for item in items]
        )
    if any(isinstance(item, (Mapping, list)) for item in items):
        raise InputError(
            f"what the query {query!r} finds is no table: its items are of several kinds. Ask for the form json, or for one kind"
        )
    return Sheet(["value"], [[_cell(item)] for item in items])


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (Mapping, list)) else value


def _said(error: Exception) -> str:
    return str(error).replace("\n", " ") or type(error).__name__
