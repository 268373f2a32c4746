from __future__ import annotations

import inspect
import re
from http import HTTPStatus

from api.problems import STATUS, status_of
from service import errors
from service.errors import ImpastoError


def tree(cls: type[ImpastoError] = ImpastoError) -> list[type[ImpastoError]]:
    own = [sub for sub in cls.__subclasses__() if sub.__module__.startswith(errors.__name__)]
    return [cls, *(each for sub in own for each in tree(sub))]


def test_the_docstring_draws_every_class_below_its_parent() -> None:
    drawing = (errors.__doc__ or "").partition("`code`")[0]
    drawn, above = {}, {}
    for line in re.finditer(r"^( +[│├└─ ]*)(\w+)", drawing, re.MULTILINE):
        above[depth := len(line[1])] = line[2]
        drawn[line[2]] = above.get(depth - 4)
    assert drawn == {cls.__name__: None if cls is ImpastoError else cls.__mro__[1].__name__ for cls in tree()}


def test_every_code_belongs_to_one_class() -> None:
    codes = [vars(cls)["code"] for cls in tree() if "code" in vars(cls)]
    assert len(codes) == len(set(codes))


def test_every_class_says_when_it_is_raised() -> None:
    for cls in tree():
        assert inspect.getdoc(cls)


def test_every_error_has_a_status_and_only_refusals_blame_the_caller() -> None:
    for cls in tree():
        blames_caller = 400 <= status_of(cls) < 500
        assert blames_caller == (issubclass(cls, errors.Refused) and cls is not errors.Refused), cls
    assert status_of(errors.JobStoreUnavailable) is HTTPStatus.SERVICE_UNAVAILABLE
    assert set(STATUS) <= set(tree())
