"""Delivering: sending webhooks that are due, signed, until the receiver has them or the schedule is over.

A delivery is made at least once: a keeper that dies after the answer leaves it to be sent again, under the same id.
"""

from __future__ import annotations

import json
import random
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from service.errors import UrlRefused, UrlUnreachable
from service.log import log
from service.noop import noop
from service.signing import new_secret, signature

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from service.fetch import Answer
    from service.stores.delivery_store import Delivery, Taken
    from service.wiring import Services

PAUSES_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before each further try, the first being made at once; a tenth is added or taken at random."""
TIMEOUT_S = 15.0
WAIT_MAX_S = 86_400
"""The longest that a Retry-After is kept to."""
ANSWER_MAX = 1024
BODY_MAX = 20_000
AT_ONCE = 16
LOOK_S = 0.2
"""Between two looks at what has become due, while answers are waited for."""


def deliver(
    services: Services,
    *,
    pauses_s: Sequence[float] = PAUSES_S,
    stop: Event | None = None,
    ended: Callable[[], object] = noop,
) -> int:
    """Send what is due, several at once, until nothing is; return how many tries that were.

    What becomes due while a slow receiver is waited for is sent meanwhile. Once `stop` is set nothing more is begun;
    `ended` is called as each try ends.
    """
    tries, sending = 0, set[Future[None]]()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="deliver") as pool:
        while stop is None or not stop.is_set():
            taken = services.deliveries.take() if len(sending) < AT_ONCE else None
            if taken is not None:
                sending.add(pool.submit(_try, taken, services=services, pauses_s=pauses_s))
                tries += 1
            elif sending:
                done, sending = wait(sending, timeout=LOOK_S, return_when=FIRST_COMPLETED)
                for each in done:
                    each.result()
                    ended()
            else:
                break
    return tries


def _try(taken: Taken, *, services: Services, pauses_s: Sequence[float]) -> None:
    delivery, begun = taken.delivery, time.monotonic()
    answer = _sent(taken, services=services)
    took_ms = round((time.monotonic() - begun) * 1000)
    how = _how(delivery, answer, pauses_s)
    status = None if answer is None else answer.status
    disabled = services.deliveries.end(
        delivery,
        how=how,
        disable="it answered 410 Gone" if status == 410 else "",
        status=status,
        took_ms=took_ms,
        answer=None if answer is None else answer.body.decode(errors="replace"),
    )
    facts = {"tenant": delivery.tenant, "delivery_id": delivery.id, "endpoint_id": delivery.endpoint_id}
    log().info("webhook_sent", **facts, type=delivery.type, attempt=delivery.attempt, status=status, took_ms=took_ms)
    services.metrics.deliveries.labels(how if isinstance(how, str) else "retried").inc()
    if disabled is not None:
        log().warning("webhook_disabled", **facts, why=disabled)


def _sent(taken: Taken, *, services: Services) -> Answer | None:
    """Send a delivery; None when there was no answer."""
    delivery, body, now_s = taken.delivery, payload(taken.delivery), int(time.time())
    secret = taken.secret or services.webhooks.default_secret(delivery.tenant, new_secret())
    old = [taken.old_secret] if taken.old_secret and now_s * 1000 < taken.old_until_ms else []
    signed = [signature(each, message_id=delivery.id, timestamp_s=now_s, body=body) for each in (secret, *old)]
    headers = {
        "Content-Type": "application/json",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": " ".join(signed),
    }
    try:
        return services.outside.post(taken.url, body=body, headers=headers, timeout_s=TIMEOUT_S, answer_max=ANSWER_MAX)
    except (UrlRefused, UrlUnreachable):
        return None


def _how(delivery: Delivery, answer: Answer | None, pauses_s: Sequence[float]) -> str | int:
    """Say what follows from an answer: that it is done, or in how many milliseconds to try again."""
    if answer is not None and 200 <= answer.status < 300:
        return "delivered"
    if delivery.attempt > len(pauses_s) or (answer is not None and answer.status == 410):
        return "failed"
    pause_s = pauses_s[delivery.attempt - 1] * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, keeps no secret
    asked_s = _asked_s(answer.headers.get("retry-after", "")) if answer and answer.status in {429, 503} else 0
    return round(1000 * max(pause_s, min(asked_s, WAIT_MAX_S)))


def _asked_s(retry_after: str) -> float:
    """Read seconds, or a date, as RFC 9110 has it; what is neither asks for nothing."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0


def payload(delivery: Delivery) -> bytes:
    """Write what is sent: the event's type, when it happened, and what it is about; thin, and the same at every try."""
    about = dict(delivery.about)
    said: dict[str, Any] = about.pop("said", {})
    kind = delivery.type.partition(".")[0]
    links = {"self": f"/v1/{'batches' if kind == 'batch' else 'jobs'}/{about['id']}"}
    happened = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=delivery.at_ms)
    event = {
        "type": delivery.type,
        "timestamp": happened.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {**about, **said, "links": links},
    }
    body = json.dumps(event, ensure_ascii=False).encode()
    if len(body) > BODY_MAX:  # sixteen long labels in a script of four bytes a letter
        del event["data"]["labels"]  # type: ignore[attr-defined]  # a dict of what it is about
        body = json.dumps(event, ensure_ascii=False).encode()
    return body
