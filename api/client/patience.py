"""When a request is sent again: exponential backoff with full jitter, what Retry-After asks for, and an end to it."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from api.client.errors import ApiProblem, Unreachable
from api.client.steps import NoAnswer, Open, Pause, Send
from api.wire.problem import ProblemOut

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.client.steps import Call, Reply, Request
    from service.errors import ImpastoError

AWAY = frozenset({502, 503, 504})
"""Statuses that say that the service is not itself."""

AGAIN = AWAY | {429}
"""Statuses after which the same request may succeed."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How a client tries again.

    Attributes:
        deadline_s: seconds from a call's beginning after which it is not repeated; 0: it never is.
        first_s: the longest first pause; each further one may last twice as long, up to `longest_s`.
        retry_after_max_s: the most that a Retry-After is heeded for.
        clock: seconds, from any beginning.
        chance: draws from 0 to 1.
    """

    deadline_s: float = 30.0
    first_s: float = 0.5
    longest_s: float = 8.0
    retry_after_max_s: float = 30.0
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def pause_s(self, failures: int, retry_after_s: float | None = None) -> float:
        """Draw a pause: anything up to the backoff, so that clients that failed together don't come back together.

        Args:
            failures: how often it has failed before, in a row.
            retry_after_s: what the service asks for; the pause is no shorter.
        """
        longest: float = min(self.longest_s, self.first_s * 2 ** min(failures, 30))
        return min(retry_after_s or 0.0, self.retry_after_max_s) + self.chance() * longest


class Absence:
    """How long there has been no answer, which is forgiven until it is too long.

    Args:
        patience: how to try again.
        limit_s: seconds in a row without an answer that are forgiven.
    """

    def __init__(self, patience: Patience, limit_s: float) -> None:
        self._patience, self._limit_s = patience, limit_s
        self._since: float | None = patience.clock()
        self._failures = 0

    def over(self) -> None:
        """Begin anew: there was an answer."""
        self._since, self._failures = None, 0

    def bear(self, trouble: ImpastoError, retry_after_s: float | None = None) -> Call[None]:
        """Pause before the next try; raise `trouble` if there is to be none."""
        now = self._patience.clock()
        self._since = now if self._since is None else self._since
        pause_s = self._patience.pause_s(self._failures, retry_after_s)
        if now + pause_s > self._since + self._limit_s:
            raise trouble
        self._failures += 1
        yield Pause(pause_s)


def answered(request: Request, patience: Patience, *, opened: bool = False) -> Call[Reply]:
    """Get the answer of a request that succeeds, by sending it again where that is safe and may help.

    Args:
        request: what to send.
        patience: how often.
        opened: whether the body is left to be read.

    Raises:
        ApiProblem: the service refused.
        Unreachable: there was no answer, or only such as say that the service is not itself.
    """
    absence = Absence(patience, patience.deadline_s)
    while True:
        retry_after_s = None
        try:
            reply: Reply = yield Open(request) if opened else Send(request)
        except NoAnswer as error:
            trouble: ImpastoError = Unreachable(f"{request}: {error}")
        else:
            if reply.succeeded:
                return reply
            trouble, retry_after_s = trouble_of(request, reply), reply.retry_after_s
            if reply.status not in AGAIN:
                raise trouble
        if not request.repeatable:
            raise trouble
        yield from absence.bear(trouble, retry_after_s)


def trouble_of(request: Request, reply: Reply) -> ImpastoError:
    """Say what is wrong in our words."""
    problem = _problem(reply)
    if problem is None or reply.status in AWAY:
        return Unreachable(f"{request}: answered {reply.status}", status=reply.status, problem=problem)
    return ApiProblem(problem)


def _problem(reply: Reply) -> ProblemOut | None:
    if not reply.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        return ProblemOut.model_validate_json(reply.body)
    except ValidationError:
        return None
