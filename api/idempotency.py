"""`Idempotency-Key`: who sends the same request again gets the same answer, and there is one job.

The key decides on the job's id before anything is done, and submitting under an id is idempotent itself. So no call
waits for another, and a process that dies half-way leaves nothing locked: the next call ends what it began.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, NamedTuple

from fastapi import Header

from service.errors import FieldProblem, InvalidSpec, KeyReused, Refused
from service.prepare import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from service.wiring import Services

_KEY = re.compile(r"[\x21-\x7e]{1,255}")

IdempotencyKey = Annotated[
    str | None,
    Header(description="Names this request: 1 to 255 visible ASCII characters. Kept for 48 hours."),
]


class Answer(NamedTuple):
    """A body, and whether it is one that was given before."""

    body: str
    replayed: bool


def answered_once(key: str, spec: BaseModel, post: Callable[[str], str], *, tenant: str, services: Services) -> Answer:
    """Post a job under the id that the key stands for, and give the answer that was given first.

    Args:
        key: the client's.
        spec: as posted.
        post: submits the spec under an id; returns the body of the answer.
        tenant: who is calling.
        services: the open parts.

    Raises:
        InvalidSpec: the key is none.
        KeyReused: it came with another spec before.
    """
    if not _KEY.fullmatch(key):
        raise InvalidSpec(FieldProblem("/Idempotency-Key", "use 1 to 255 visible ASCII characters"))
    reply = services.replies.begin(tenant, key, fingerprint=fingerprint(spec))
    if reply.fingerprint != fingerprint(spec):
        raise KeyReused("This Idempotency-Key came with another spec before; choose a new one for a new job.")
    if reply.answer is not None:
        return Answer(reply.answer, replayed=True)
    try:
        body = post(reply.job_id)
    except Refused:
        services.replies.refused(tenant, key)
        raise
    first = services.replies.remember(tenant, key, body)
    return Answer(first, replayed=first != body)
