"""What strangers say, read as a shape; and what is wrong with it, in our own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from service.errors import FieldProblem, InvalidSpec, pointer_to

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

Shape = TypeVar("Shape", bound=BaseModel)


def validated(shape: type[Shape], data: object) -> Shape:
    """Read decoded JSON as a shape.

    Raises:
        InvalidSpec: naming each field that is wrong by its JSON pointer.
    """
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        raise InvalidSpec(*field_problems(error.errors(include_url=False, include_input=False))) from None


def field_problems(details: Iterable[ErrorDetails], *, below: int = 0) -> list[FieldProblem]:
    """Put what pydantic says into our own words, with JSON pointers (RFC 6901) that leave out `below` outer parts."""
    details = list(details)
    wrong = {detail["loc"][:-1] for detail in details}
    return [
        FieldProblem(_pointer(detail["loc"][below:]), _sentence(detail))
        for detail in details
        # A tuple whose only item is wrong is said to be too short as well.
        if not (detail["type"] == "too_short" and any(loc[: len(detail["loc"])] == detail["loc"] for loc in wrong))
    ]


def _pointer(loc: Iterable[str | int]) -> str:
    """Write a location as a pointer, without the names that pydantic gives to the branches of a union."""
    return pointer_to(*(part for part in loc if not (isinstance(part, str) and part.startswith(_BRANCHES))))


_BRANCHES = ("dict[", "literal[", "[key]", "tuple[")


def _sentence(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return "there is no such field"
    return detail["msg"].removeprefix("Value error, ")
