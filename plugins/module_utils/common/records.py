# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documents read into typed records and written again, byte for byte as they came.

A ``Record`` is to its readers (and to mypy) a frozen dataclass. Two things the decorator cannot give: a record knows which of its fields
it was given, so what a document left out is not in it when it is written again (digests are made of documents, and a field more is
another digest); and a class costs no compiled code, which of thirty classes would take longer than all the rest of a run that finds
nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, ClassVar, TypeVar

from .findings import Finding

if TYPE_CHECKING:
    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_words: Any) -> Callable[[Any], Any]:
        return lambda decorated: decorated


Read = Callable[[Any], Any]
T = TypeVar("T")
_REQUIRED: Any = object()


class Odd(ValueError):
    """A value is not what it should be: ``problem``, and ``place``, the path to it in its document (empty: the document itself)."""

    def __init__(self, problem: str, place: str = "") -> None:
        super().__init__(f"{place} {problem}" if place else problem)
        self.problem, self.place = problem, place

    def below(self, name: object) -> Odd:
        return Odd(self.problem, f"{name}.{self.place}" if self.place else str(name))


class _Item:
    def __init__(self, read: Read, default: Any) -> None:
        self.read, self.default = read, default


def item(read: Read, default: Any = _REQUIRED) -> Any:
    """A field of a record: how its value is read, and what stands for it where a document says nothing of it."""
    return _Item(read, default)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(item,))
class Record:
    """``loose``: fields nobody here knows are kept, and written as they came; in others they are an error."""

    _items: ClassVar[Mapping[str, _Item]] = {}
    _loose: ClassVar[bool] = False

    def __init_subclass__(cls, open: bool = False) -> None:
        cls._items = {name: value for name, value in vars(cls).items() if isinstance(value, _Item)}
        cls._loose = loose
        for name, one in cls._items.items():
            if one.default is _REQUIRED:
                delattr(cls, name)
            else:
                setattr(cls, name, one.default)

    def __init__(self, **given: Any) -> None:
        wrong = [name for name in given if name not in self._items]
        lacking = [name for name, one in self._items.items() if one.default is _REQUIRED and name not in given]
        if wrong or lacking:
            raise TypeError(f"{type(self).__name__}: {', '.join([*wrong, *lacking])}")
        vars(self).update(given)

    @classmethod
    def read(cls, document: Any) -> Self:
        """Raises ``Odd`` for the first thing that is not as it should be; values are never part of what it says."""
        if not isinstance(document, Mapping):
            raise Odd("is not a mapping")
        found = {}
        for name, value in document.items():
            one = cls._items.get(name)
            if one is not None:
                try:
                    found[name] = one.read(value)
                except Odd as odd:
                    raise odd.below(name) from None
            elif cls._loose:
                found[name] = value
            else:
                raise Odd("is not known here", str(name))
        for name, one in cls._items.items():
            if one.default is _REQUIRED and name not in found:
                raise Odd("is missing", name)
        made = cls.__new__(cls)
        vars(made).update(found)
        return made

    def as_dict(self) -> dict[str, Any]:
        """The document: what was given, and nothing else."""
        return {name: plain(value) for name, value in vars(self).items()}

    def but(self, **changes: Any) -> Self:
        """The same with other values."""
        made = type(self).__new__(type(self))
        vars(made).update({**vars(self), **changes})
        return made

    def without(self, *names: str) -> Self:
        """The same as if a document had left these fields out."""
        made = type(self).__new__(type(self))
        vars(made).update({name: value for name, value in vars(self).items() if name not in names})
        return made

    def __setattr__(self, name: str, _value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be set")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def plain(value: Any) -> Any:
    """What JSON has of a value, records in it included."""
    if isinstance(value, (Record, Finding)):
        return value.as_dict()
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def stated(value: Any) -> Any:
    """A document without what is null in it: the same as if that had been left out."""
    if isinstance(value, Mapping):
        return {name: stated(one) for name, one in value.items() if one is not None}
    return [stated(one) for one in value if one is not None] if isinstance(value, (list, tuple)) else value


def text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    raise Odd("is not a text")


def whole(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise Odd("is not a whole number")


def number(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise Odd("is not a number")


def flag(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    raise Odd("is neither true nor false")


def port(value: Any) -> Any:
    """A number, or the name of a compose variable that holds one."""
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        return value
    raise Odd("is neither a port nor the name of a variable")


def anything(value: Any) -> Any:
    return value


def finding_of(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Finding.from_dict(dict(value))
    raise Odd("is not a mapping")


def one_of(*words: str) -> Read:
    def read(value: Any) -> Any:
        if isinstance(value, str) and value in words:
            return value
        raise Odd(f"is not one of {', '.join(words)}")

    return read


def nullable(read: Read) -> Read:
    return lambda value: None if value is None else read(value)


def many(read: Read) -> Read:
    """A list, as a tuple."""

    def read_all(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise Odd("is not a list")
        found = []
        for position, one in enumerate(value):
            try:
                found.append(read(one))
            except Odd as odd:
                raise odd.below(position) from None
        return tuple(found)

    return read_all


def table(read: Read) -> Read:
    """A mapping of names to values of one kind."""

    def read_all(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Odd("is not a mapping")
        found = {}
        for name, one in value.items():
            try:
                found[name] = read(one)
            except Odd as odd:
                raise odd.below(name) from None
        return found

    return read_all


def newer_than(document: Any, known: int) -> object | None:
    """The schema a document states, where it is none that this program reads: it reads its own and every older one, which may have
    left it out."""
    schema = document.get("schema", known) if isinstance(document, Mapping) else known
    return None if isinstance(schema, int) and not isinstance(schema, bool) and schema <= known else schema
