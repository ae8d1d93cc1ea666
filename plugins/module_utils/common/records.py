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
from typing import TYPE_CHECKING, Any, Callable, ClassVar

from .findings import Finding

if TYPE_CHECKING:
    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_words: Any) -> Callable[[Any], Any]:
        return lambda decorated: decorated


Read = Callable[[Any], Any]
_REQUIRED: Any = object()


class Odd(ValueError):
    """A value is not what it should be: ``problem``, and ``place``, the path to it in its document (empty: the document itself)."""

    def __init__(self, problem: str, place: str = "") -> None:
        super().__init__(f"{place} {problem}" if place else problem)
        self.problem, self.place = problem, place

    def below(self, name: object) -> Odd:
        return Odd(self.problem, f"{name}.{self.place}" if self.place else str(name))


class _Item(tuple[Read, Any]):
    """A reader and a default. Python itself puts tuples into classes, too."""


def item(read: Read, default: Any = _REQUIRED) -> Any:
    """A field of a record: how its value is read, and what stands for it where a document says nothing of it."""
    return _Item((read, default))


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(item,))
class Record:
    """``loose``: fields nobody here knows are kept, and written as they came; in others they are an error."""

    _readers: ClassVar[Mapping[str, Read]] = {}
    _required: ClassVar[frozenset[str]] = frozenset()
    _loose: ClassVar[bool] = False

    def __init_subclass__(cls, loose: bool = False) -> None:
        fields = {name: value for name, value in vars(cls).items() if isinstance(value, _Item)}
        cls._readers = {name: read for name, (read, _default) in fields.items()}
        cls._required = frozenset(name for name, (_read, default) in fields.items() if default is _REQUIRED)
        cls._loose = loose
        for name, (_read, default) in fields.items():
            setattr(cls, name, default)

    def __init__(self, **given: Any) -> None:
        wrong = [*(given.keys() - self._readers.keys()), *(self._required - given.keys())]
        if wrong:
            raise TypeError(f"{type(self).__name__}: {', '.join(sorted(wrong))}")
        vars(self).update(given)

    @classmethod
    def read(cls, document: Any) -> Self:
        """Raises ``Odd`` for the first thing that is not as it should be; values are never part of what it says."""
        if not isinstance(document, dict):
            raise Odd("is not a mapping")
        readers, found = cls._readers, {}
        for name, value in document.items():
            try:
                found[name] = readers[name](value)
            except KeyError:
                if not cls._loose:
                    raise Odd("is not known here", str(name)) from None
                found[name] = value
            except Odd as odd:
                raise odd.below(name) from None
        for name in cls._required:
            if name not in found:
                raise Odd("is missing", name)
        return cls._with(found)

    @classmethod
    def _with(cls, values: Mapping[str, Any]) -> Self:
        made = cls.__new__(cls)
        vars(made).update(values)
        return made

    def as_dict(self) -> dict[str, Any]:
        """The document: what was given, and nothing else."""
        return {name: plain(value) for name, value in vars(self).items()}

    def but(self, **changes: Any) -> Self:
        """The same with other values."""
        return self._with({**vars(self), **changes})

    def without(self, *names: str) -> Self:
        """The same as if a document had left these fields out."""
        return self._with({name: value for name, value in vars(self).items() if name not in names})

    def __setattr__(self, name: str, _value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be set")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def plain(value: Any) -> Any:
    """What JSON has of a value, records in it included."""
    if value is None or isinstance(value, (str, int)):
        return value
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


def _of(words: str, *kinds: type) -> Read:
    def read(value: Any) -> Any:
        if not isinstance(value, kinds) or (value is True or value is False) is not (bool in kinds):
            raise Odd(f"is not {words}")
        return value

    return read


text = _of("a text", str)
whole = _of("a whole number", int)
flag = _of("true or false", bool)
_quantity = _of("a number", int, float)
# A number, or the name of a compose variable that holds one.
port = _of("a port or the name of a variable", int, str)


def number(value: Any) -> Any:
    """What JSON, unlike Python's reader of it, has a word for."""
    found = _quantity(value)
    # Of what is infinite, and of what is no number, this is no number.
    if isinstance(found, float) and found - found != 0:
        raise Odd("is not a number")
    return found


def anything(value: Any) -> Any:
    return value


def finding_of(value: Any) -> Finding:
    return Finding.from_dict(table(anything)(value))


def one_of(*words: str) -> Read:
    def read(value: Any) -> Any:
        if value not in words:
            raise Odd(f"is not one of {', '.join(words)}")
        return value

    return read


def nullable(read: Read) -> Read:
    return lambda value: None if value is None else read(value)


def many(read: Read) -> Read:
    """A list, as a tuple."""

    def read_all(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise Odd("is not a list")
        return tuple(_each(read, enumerate(value)).values())

    return read_all


def table(read: Read) -> Read:
    """A mapping of names to values of one kind."""

    def read_all(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Odd("is not a mapping")
        return _each(read, value.items())

    return read_all


def _each(read: Read, pairs: Any) -> dict[Any, Any]:
    found = {}
    for name, one in pairs:
        try:
            found[name] = read(one)
        except Odd as odd:
            raise odd.below(name) from None
    return found


def newer_than(document: Any, known: int) -> object | None:
    """The schema a document states, where it is none that this program reads: it reads its own and every older one, which may have
    left it out."""
    schema = document.get("schema", known) if isinstance(document, Mapping) else known
    return None if isinstance(schema, int) and not isinstance(schema, bool) and schema <= known else schema
