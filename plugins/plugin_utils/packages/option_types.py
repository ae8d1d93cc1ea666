# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a value of each option type looks like. Pure: no files, no network, linear time on untrusted input."""

from __future__ import annotations

import importlib
import ipaddress
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ..parsing.spelling import Respelled, Rewritten
from ..parsing.yaml_file import Plain

# Linux hands a process no longer single variable than this (MAX_ARG_STRLEN).
MAX_VALUE_BYTES = 131_071
_MAX_REGEX = 4096
# Numbers up to here are plausible as numbers (ids, amounts in wei); an address or a key that lost its quotes is far larger.
_LARGEST = 10**30

_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?\Z")
_BOOL = {text: value for value, word, letter, digit in ((True, "true", "t", "1"), (False, "false", "f", "0"))
         for text in (word, word.upper(), word.capitalize(), letter, letter.upper(), digit)}  # fmt: skip

# RFC 3986, appendix A, as one expression each; every alternative starts with another character, so matching is linear.
_PCT = r"%[0-9A-Fa-f]{2}"
_PCHAR = rf"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|{_PCT})"
_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):"
    rf"(?://(?P<authority>(?:[A-Za-z0-9\-._~!$&'()*+,;=:@\[\]]|{_PCT})*)(?P<abempty>(?:/{_PCHAR}*)*)|/(?!/)(?:{_PCHAR}|/)*|{_PCHAR}(?:{_PCHAR}|/)*|)"
    rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?\Z"
)
_AUTHORITY = re.compile(
    rf"(?:(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|{_PCT})*@)?(?:\[(?P<literal>[^\[\]]*)\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|{_PCT})*)(?::[0-9]*)?\Z"
)
_FUTURE = re.compile(r"[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+\Z")


QUOTE = "Write it in quotes."


class Invalid(ValueError):
    """A value its type does not accept. The message reads after the value (``80800 is not a port``) and never repeats it.

    ``remedy`` is there where what is wrong with the value says what to do.
    """

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True)
class Checked:
    """``text`` is what the compose variable is set to, ``value`` the same as a JSON value of the option's type."""

    text: str
    value: str | int | float | bool


def _text(raw: Any) -> str:
    """The text of a scalar as a person would write it in ``.env``."""
    if isinstance(raw, str):
        text = str(raw)
    elif isinstance(raw, bool):
        text = "true" if raw else "false"
    elif isinstance(raw, int):
        text = format(Decimal(raw), "f")
    elif isinstance(raw, float):
        text = format(Decimal(repr(raw)), "f")
    else:
        raise Invalid("is not a single value")
    if "\0" in text or "\n" in text:
        raise Invalid("holds a NUL or a newline", "Write it as one line, without NUL.")
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise Invalid("is not valid Unicode text") from None
    if size > MAX_VALUE_BYTES:
        raise Invalid(f"is longer than {MAX_VALUE_BYTES} bytes")
    return text


def _unchanged(raw: Any) -> str:
    """The text of a value of a type that is text, where YAML has left it as it was written.

    A whole number without leading zeros is the same as text. ``1.10``, ``yes``, ``0x1f``, ``0700``, ``1:30`` and moments are not.
    """
    text = _text(raw)
    if isinstance(raw, Respelled):
        raise Invalid("is a number to YAML, and another text then", QUOTE)
    if isinstance(raw, bool):
        raise Invalid("is a boolean, which YAML makes of yes, no, on and off, too", QUOTE)
    if isinstance(raw, float):
        raise Invalid("is a decimal number, of which YAML does not keep the text (1.10 is 1.1 to it)", QUOTE)
    if isinstance(raw, Rewritten):
        raise Invalid("is what YAML makes of a moment", QUOTE)
    if isinstance(raw, int) and abs(raw) > _LARGEST:
        raise Invalid(
            "is a number larger than any that is written as one (YAML reads an address like 0x12ab without quotes as a number)", QUOTE
        )
    return text


def _number_text(raw: Any) -> str:
    """The text of a number that is the one its author wrote: ``0100`` is 64 to YAML, ``1:30`` is 90."""
    if isinstance(raw, Respelled) and raw.misread:
        raise Invalid(f"is the number {int(raw)} to YAML", f"Write {int(raw)} if that is meant, else the decimal number.")
    return _text(raw)


def _bounded(number: Decimal, rules: Mapping[str, Any]) -> None:
    low, high = rules.get("min_value"), rules.get("max_value")
    if (low is not None and number < Decimal(str(low))) or (high is not None and number > Decimal(str(high))):
        wanted = [f"at least {low}"] if low is not None else []
        wanted += [f"at most {high}"] if high is not None else []
        raise Invalid(f"is out of bounds ({', '.join(wanted)})", f"Choose a number of {' and '.join(wanted)}.")


def _int(raw: Any, rules: Mapping[str, Any]) -> Checked:
    text = _number_text(raw)
    if isinstance(raw, (bool, float)) or not _INT.match(text) or len(text) > 100:
        raise Invalid("is not a whole number")
    _bounded(Decimal(text), rules)
    return Checked(text, int(text))


def _float(raw: Any, rules: Mapping[str, Any]) -> Checked:
    if isinstance(raw, bool) or (isinstance(raw, float) and raw - raw != 0):
        raise Invalid("is not a decimal number")
    text = _number_text(raw)
    if not _FLOAT.match(text) or len(text) > 400:
        raise Invalid("is not a decimal number")
    value = float(text)
    if value - value != 0:
        raise Invalid("is larger than a floating-point number can be")
    _bounded(Decimal(text), rules)
    return Checked(text, value)


def _bool(raw: Any, rules: Mapping[str, Any]) -> Checked:
    value: Any = raw.value if isinstance(raw, Plain) else raw
    if not isinstance(value, bool):
        value = _BOOL.get(_text(raw))
    if value is None:
        raise Invalid("is not a boolean (true or false)")
    return Checked("true" if value else "false", value)


def _str(raw: Any, rules: Mapping[str, Any]) -> Checked:
    text = _unchanged(raw)
    pattern = rules.get("re2_regex")
    if pattern is not None and not compile_re2(str(pattern)).search(text):
        raise Invalid(f"does not match the regular expression {pattern}")
    return Checked(text, text)


def _port(raw: Any, rules: Mapping[str, Any]) -> Checked:
    text = _number_text(raw)
    if isinstance(raw, (bool, float)) or not _INT.match(text) or len(text) > 100 or not 1 <= int(text) <= 65535:
        raise Invalid("is not a port (1-65535)")
    return Checked(str(int(text)), int(text))


def _path(raw: Any, rules: Mapping[str, Any]) -> Checked:
    text = _text(raw)
    if isinstance(raw, (bool, int, float, Plain)) or not text:
        raise Invalid("is not a path", QUOTE if text else "")
    if any(char.isspace() or ord(char) < 32 or 127 <= ord(char) < 160 for char in text):
        raise Invalid("is not a path without spaces and control characters")
    if ".." in text.split("/"):
        raise Invalid("is a path with a `..` part")
    return Checked(text, text)


def _path_file(raw: Any, rules: Mapping[str, Any]) -> Checked:
    checked = _path(raw, rules)
    extension = str(rules.get("format") or "").removeprefix(".")
    if extension and not checked.text.endswith(f".{extension}"):
        raise Invalid(f"is not a path of a .{extension} file")
    return checked


def _uri(raw: Any, rules: Mapping[str, Any]) -> Checked:
    text = _text(raw)
    match = None if isinstance(raw, (bool, int, float)) else _URI.match(text)
    if match is None or (match["authority"] is not None and not _is_authority(match["authority"])):
        raise Invalid("is not a URI with a scheme (RFC 3986)", "" if isinstance(raw, str) else QUOTE)
    schemes = rules.get("uri_scheme")
    if schemes and match["scheme"].lower() not in [str(scheme).lower() for scheme in schemes]:
        raise Invalid(f"does not have one of the schemes {', '.join(str(scheme) for scheme in schemes)}")
    return Checked(text, text)


def _is_authority(text: str) -> bool:
    match = _AUTHORITY.match(text)
    if match is None or match["literal"] is None:
        return match is not None
    if _FUTURE.match(match["literal"]):
        return True
    try:
        return ipaddress.IPv6Address(match["literal"]).scope_id is None
    except ValueError:
        return False


def _select(raw: Any, rules: Mapping[str, Any]) -> Checked:
    choices = [_text(choice) for choice in rules.get("options") or ()]
    listed = ", ".join(choices)
    # Whatever word was written for a boolean: the choice it is, is among those the package names.
    text = _text(raw) if isinstance(raw, bool) else _unchanged(raw)
    if text not in choices:
        raise Invalid(f"is not one of {listed}", "" if isinstance(raw, str) else f"{QUOTE[:-1]}, as one of: {listed}.")
    return Checked(text, text)


@dataclass(frozen=True)
class OptionType:
    """``rules`` are the keys ``validate`` may hold for this type."""

    check: Callable[[Any, Mapping[str, Any]], Checked]
    rules: tuple[str, ...] = ()


TYPES: Mapping[str, OptionType] = {
    "int": OptionType(_int, ("min_value", "max_value")),
    "float": OptionType(_float, ("min_value", "max_value")),
    "bool": OptionType(_bool),
    "str": OptionType(_str, ("re2_regex",)),
    "port": OptionType(_port),
    "path_dir": OptionType(_path),
    "path_file": OptionType(_path_file, ("format",)),
    "uri": OptionType(_uri, ("uri_scheme",)),
    "select": OptionType(_select, ("options",)),
    "id": OptionType(_str, ("re2_regex",)),
}


def check_value(kind: str, raw: Any, rules: Mapping[str, Any]) -> Checked:
    """One value of one type; raises ``Invalid``. ``rules`` are the option's ``validate``, already checked."""
    return TYPES[kind].check(raw, rules)


@lru_cache(maxsize=256)
def compile_re2(pattern: str) -> Any:
    """A compiled RE2 expression; raises ``Invalid`` for one RE2 does not know.

    RE2 and not ``re``: a package's expression is untrusted and must not take exponential time.
    """
    try:
        re2 = importlib.import_module("re2")
    except ImportError:
        message = f"cannot be checked: the Python package google-re2 is missing on the controller, in the Python that runs Ansible ({sys.executable})"
        remedy = f"{sys.executable} -m pip install google-re2 (or add it to the execution environment)."
        raise Invalid(message, remedy) from None
    if len(pattern) > _MAX_REGEX:
        raise Invalid(f"is a regular expression longer than {_MAX_REGEX} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        text = error.args[0] if error.args else ""
        raise Invalid(f"is not a regular expression in RE2 syntax: {text.decode() if isinstance(text, bytes) else text}") from None
