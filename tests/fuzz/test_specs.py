"""Specs as JSON: read, or refused field by field, and never anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from api.strict_json import parsed
from service.batch_spec import parse_batch, posted_jobs
from service.errors import InvalidSpec
from service.resolve import resolve
from service.spec import RenderSpec, parse_spec
from service.styles import StyleSpec, parse_style
from tests.fuzz.wishes import BATCHES, JSON, SPECS, STYLES, TEXT, leads_somewhere, near_valid


def read(parse: Callable[[Any], Any], data: Any, whole: Any = None, where: Callable[[str], str] = str) -> Any:
    """Give what is read, or None where it is refused by pointers that lead somewhere."""
    try:
        return parse(data)
    except InvalidSpec as refused:
        problems = refused.problems
    assert problems
    for problem in problems:
        pointer = where(problem.pointer)
        assert leads_somewhere(pointer, data if whole is None else whole), pointer
        assert problem.detail
    return None


def plain(spec: RenderSpec | StyleSpec) -> Any:
    """Write what was posted as JSON, and read it as clients do."""
    return json.loads(spec.model_dump_json(exclude_unset=True))


@given(JSON | near_valid(SPECS))
@example({"kind": "gram", "image": {"upload_id": "0"}, "options": {"style_layers": {"a~b": 1, "a/b": 1}}})
@example(
    {"kind": "texture", "styles": [{"style_id": "0"}], "ladder": True, "options": {"style_layers": {"~": 0, "a": 1}}}
)
def test_a_spec_is_read_or_its_fields_are_refused(data: Any) -> None:
    spec = read(parse_spec, data)
    if spec is None:
        return
    assert parse_spec(plain(spec)) == spec
    resolved = read(resolve, spec, whole=data)
    if resolved is not None:
        assert RenderSpec.model_validate_json(resolved.model_dump_json(exclude_none=True)) == resolved
        assert resolve(parse_spec(plain(spec))) == resolved


@given(JSON | near_valid(BATCHES))
def test_a_batch_is_read_or_its_fields_are_refused(data: Any) -> None:
    batch = read(parse_batch, data)
    for posted in posted_jobs(batch) if batch else ():
        read(resolve, posted.spec, whole=data, where=posted.where)


@given(JSON | near_valid(STYLES))
def test_a_style_is_read_or_its_fields_are_refused(data: Any) -> None:
    style = read(parse_style, data)
    if style is not None:
        assert parse_style(plain(style)) == style


@given(st.binary(max_size=50) | TEXT | st.from_regex(re.compile(r"[\[\]{}\",:0-9eE+.\-nulNaInfty\\]*"), fullmatch=True))
@example("[" * 100_000)
@example(b"\xff\xfe[\x00")
@example("1" * 5000)
def test_json_is_decoded_or_refused(text: str | bytes) -> None:
    read(lambda data: parsed(data, pointer=""), text, whole={})
