"""JSON from strangers: UTF-8, within limits that are checked before anything recursive reads it, and of one meaning."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn

from service.errors import FieldProblem, InvalidSpec, pointer_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEPTH_MAX = 32
"""Lists and objects within each other. A spec needs five."""

VALUES_MAX = 10_000
"""Commas and opening brackets, those within strings too: what a spec has many times over."""

DIGITS_MAX = 20
"""Of a whole number: the largest that any field takes has 19."""

_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
"""A string, also one that never ends: were it no match, the search would begin anew at each quote within it."""
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_SURROGATE = re.compile("[\ud800-\udfff]")


def parsed(text: str | bytes, *, pointer: str, values_max: int = VALUES_MAX) -> Any:
    """Decode JSON that stands at a pointer of the request.

    Raises:
        InvalidSpec: it is none, is nested deeper than `DEPTH_MAX` or has more values than `values_max`; an object has a
            name twice; a number is none that JSON or any field has; a string holds NUL or half of a surrogate pair.
    """

    def refuse(detail: str) -> NoReturn:
        raise InvalidSpec(FieldProblem(pointer, detail))

    try:
        text = text if isinstance(text, str) else text.decode()
        _check_extent(text, refuse, values_max=values_max)
        data = json.loads(
            text,
            object_pairs_hook=lambda pairs: _object(pairs, refuse),
            parse_int=lambda digits: _whole(digits, refuse),
            parse_float=lambda digits: _fraction(digits, refuse),
            parse_constant=lambda name: refuse(f"{name} is no number of JSON"),
        )
    except (ValueError, RecursionError):
        refuse("this is not JSON, or nested too deeply")
    if _SUSPECT.search(text):
        check_text(data, pointer=pointer)
    return data


def check_text(data: Any, *, pointer: str) -> None:
    """Refuse strings that can't be stored as text.

    Raises:
        InvalidSpec: naming each that holds NUL or half of a surrogate pair, as a value or as a name.
    """
    if problems := list(_unstorable(data, pointer)):
        raise InvalidSpec(*problems)


def _check_extent(text: str, refuse: Callable[[str], NoReturn], *, values_max: int) -> None:
    """Look at how much there is and how deep it goes, in time that grows with the length alone."""
    opened = text.count("[") + text.count("{")
    if opened + text.count(",") > values_max or text.count('"') > 4 * values_max:
        refuse(f"this has more than {values_max} values")
    depth = 0
    for match in _BRACKETS.finditer(text) if opened > DEPTH_MAX else ():
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        if depth > DEPTH_MAX:
            refuse(f"this is nested deeper than {DEPTH_MAX} levels")


def _object(pairs: list[tuple[str, Any]], refuse: Callable[[str], NoReturn]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        refuse(f"an object has the name {name!r} twice")
    return data


def _whole(digits: str, refuse: Callable[[str], NoReturn]) -> int:
    if len(digits.lstrip("-")) > DIGITS_MAX:
        refuse(f"a number has more than {DIGITS_MAX} digits")
    return int(digits)


def _fraction(digits: str, refuse: Callable[[str], NoReturn]) -> float:
    number = float(digits)
    if number in {float("inf"), float("-inf")}:
        refuse("a number is too large")
    return number


def _unstorable(data: Any, pointer: str) -> Iterator[FieldProblem]:
    if isinstance(data, str):
        if "\0" in data:
            yield FieldProblem(pointer, "this holds a NUL character")
        if _SURROGATE.search(data):
            yield FieldProblem(pointer, "this holds half of a surrogate pair, which is no character")
    elif isinstance(data, dict):
        for name, value in data.items():
            inner = pointer + pointer_to(name)
            yield from _unstorable(name, inner)
            yield from _unstorable(value, inner)
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _unstorable(value, f"{pointer}/{number}")
