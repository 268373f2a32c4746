"""JSON from strangers: what is read, and what is refused before anything recursive or large is made of it."""

from __future__ import annotations

import json
import time

import pytest

from api.strict_json import DEPTH_MAX, VALUES_MAX, parsed
from service.errors import InvalidSpec


def refusal(text: str | bytes) -> str:
    with pytest.raises(InvalidSpec) as caught:
        parsed(text, pointer="/spec")
    [problem] = caught.value.problems
    assert problem.pointer.startswith("/spec")
    return problem.detail


def nested(depth: int, opened: str = "[", closed: str = "]") -> str:
    return opened * depth + closed * depth


@pytest.mark.parametrize("data", [{}, [], 7, -1.5e300, True, None, "é\n\U0001f600", {"a": [{"b": "]]]["}]}, 2**63 - 1])
def test_what_json_can_say_is_read_as_it_is_said(data: object) -> None:
    assert parsed(json.dumps(data), pointer="") == data
    assert parsed(json.dumps(data, ensure_ascii=False).encode(), pointer="") == data


def test_so_many_levels_may_stand_within_each_other_and_none_more() -> None:
    parsed(nested(DEPTH_MAX), pointer="")
    assert "deeper than 32 levels" in refusal(nested(DEPTH_MAX + 1))
    assert "deeper than 32 levels" in refusal('{"a":' * 33 + "1" + "}" * 33)
    assert "more than 10000 values" in refusal("[" * 1_000_000)


def test_brackets_within_strings_are_no_levels() -> None:
    text = json.dumps(['"[' * 100, "\\", "[" * 100])
    assert parsed(text, pointer="") == json.loads(text)


def test_so_many_values_may_be_said_and_none_more() -> None:
    parsed(json.dumps([0] * (VALUES_MAX - 1)), pointer="")
    assert "more than 10000 values" in refusal(json.dumps([0] * (VALUES_MAX + 1)))
    assert "more than 10000 values" in refusal("[" + "{}," * VALUES_MAX + "{}]")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("{'a': 1}", "not JSON"),
        ("[1,]", "not JSON"),
        (b"\xff\xfe[\x001\x00]\x00", "not JSON"),
        (b'"\xff"', "not JSON"),
        ('"\n"', "not JSON"),
        ("NaN", "NaN is no number"),
        ("[-Infinity]", "-Infinity is no number"),
        ("1e999", "too large"),
        ("-1e999", "too large"),
        ("1" * 21, "more than 20 digits"),
        ("1" * 5_000_000, "more than 20 digits"),
        ('{"a": 1, "b": 2, "a": 3}', "the name 'a' twice"),
        ('{"a": {"b": 1, "b": 1}}', "the name 'b' twice"),
        (r'"\u0000"', "a NUL character"),
        (r'"\ud800"', "half of a surrogate pair"),
        (r'{"\udfff": 1}', "half of a surrogate pair"),
    ],
)
def test_what_is_no_json_or_of_two_meanings_is_refused(text: str | bytes, why: str) -> None:
    assert why in refusal(text)


def test_a_string_that_can_not_be_stored_is_named_by_its_pointer() -> None:
    with pytest.raises(InvalidSpec) as caught:
        parsed(r'{"labels": {"a/b": "\u0000"}, "kinds": ["\ud800"]}', pointer="/spec")
    assert [problem.pointer for problem in caught.value.problems] == ["/spec/labels/a~1b", "/spec/kinds/0"]


UNCLOSED = "[" + "[]," * DEPTH_MAX + '"' + '\\"' * 18_000 + "a" * 200_000
"""Took a time that grew as the product of its quotes and its length."""

TWICE = "{" + ",".join(f'"{n}":0' for n in range(40_000)) + ',"39999":0}'


@pytest.mark.parametrize("text", [UNCLOSED, TWICE], ids=["unclosed", "twice"])
def test_what_took_the_square_of_its_length_no_longer_does(text: str) -> None:
    began = time.process_time()
    with pytest.raises(InvalidSpec):
        parsed(text, pointer="", values_max=200_000)
    assert time.process_time() - began < 2  # it took ten seconds


@pytest.mark.parametrize("text", ['"' * 2_000_000, "\\" * 2_000_000, '"\\' * 1_000_000, "[{" * 4_000 + '"' * 30_000])
def test_reading_takes_time_that_grows_with_the_length_alone(text: str) -> None:
    began = time.process_time()
    refusal(text)
    assert time.process_time() - began < 5  # what grew with the square would take hours
