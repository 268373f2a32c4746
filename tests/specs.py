"""Specs for tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from service.resolve import resolve
from service.spec import RenderSpec, parse_spec, place_image


def resolved(places: Iterable[str], **wish: Any) -> RenderSpec:
    """Resolve a spec that names an image at each of the places."""
    data: dict[str, Any] = {"kind": "transfer", **wish}
    for pointer in places:
        place_image(data, pointer, {"upload_id": "0"})
    return resolve(parse_spec(data))
