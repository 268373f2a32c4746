"""`Idempotency-Key`: who sends the same request again gets the same answer, and one thing is made.

The key decides on the new id before anything is done, and posting under an id is idempotent itself. So no call
waits for another, and a process that dies half-way leaves nothing locked: the next call ends what it began.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from fastapi import Header

from service.errors import FieldProblem, InvalidSpec, KeyReused, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service.wiring import Services

_KEY = re.compile(r"[\x21-\x7e]{1,255}")

IdempotencyKey = Annotated[
    str | None,
    Header(description="Names this request: 1 to 255 visible ASCII characters. Kept for 48 hours."),
]


REPLAYED = {"Idempotency-Replayed": "true"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A body, and the headers that say whether it was given before."""

    body: str = field(repr=False)
    headers: Mapping[str, str]


def answered_once(
    key: str | None, fingerprint: str, post: Callable[[str | None], str], *, tenant: str, services: Services
) -> Answer:
    """Make what was posted, under the id that the key stands for, and give the answer that was given first.

    Args:
        key: the client's; None: each post is one of its own.
        fingerprint: digest of what was posted.
        post: makes it under an id, or a new one if None; returns the body of the answer.
        tenant: who is calling.
        services: the open parts.

    Raises:
        InvalidSpec: the key is none.
        KeyReused: it came with something else before.
    """
    if key is None:
        return Answer(post(None), {})
    if not _KEY.fullmatch(key):
        raise InvalidSpec(FieldProblem("/Idempotency-Key", "use 1 to 255 visible ASCII characters"))
    reply = services.replies.begin(tenant, key, fingerprint=fingerprint)
    if reply.fingerprint != fingerprint:
        raise KeyReused("This Idempotency-Key came with another request before; choose a new one for a new request.")
    if reply.answer is not None:
        return Answer(reply.answer, REPLAYED)
    try:
        body = post(reply.new_id)
    except Refused:
        services.replies.refused(tenant, key)
        raise
    first = services.replies.remember(tenant, key, body)
    return Answer(first, REPLAYED if first != body else {})
