"""Strangers' words as arguments of the scripts in Redis: nothing outside of their own tenant is ever touched."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import redis as redis_driver
from hypothesis import example, given
from hypothesis import strategies as st

from service.errors import ImpastoError
from service.job import JobState
from service.keys import admit, create_key, revoke_key, rotate_key
from service.stores.job_list import Mark, Query
from service.stores.style_store import StyleRecord
from service.stores.submission import IN_MEMORY, Submission
from service.stores.upload_store import Expected
from service.wiring import Services
from tests.jobs import job, submitted, uploaded

pytestmark = pytest.mark.servers

VICTIM, STRANGER = "victim", "stranger"
IDS = ("00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002")
"""Of the victim's and of the stranger's job, batch, style and endpoint."""

WORDS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from(
        [*IDS, VICTIM, f"{VICTIM}:{IDS[0]}", f":{VICTIM}:{IDS[0]}", f"../{VICTIM}", f"{STRANGER}:{VICTIM}:"]
    ),
    st.sampled_from(
        ["", "*", "?", "[a-z]*", "%", "%s%d%n", "^([^:]+):(.+)$", "\0", "a\0b", "\r\n", "a b", ":", "/", "="]
    ),
    st.sampled_from(
        ["{}", "[]", "null", '"', "\\", '{"id":"x"}', "']", "'..redis.call('FLUSHALL')..'", "nan", "1e999"]
    ),
    st.sampled_from(
        ["x" * 5000, "é\u202e", "\ufffe\U0010ffff", "-1", "+inf", "(1", "0-0", "9" * 30, "1-1", "-", "+", "$"]
    ),
)
"""Separators, patterns, commands, formats, other people's ids; no halves of surrogates, which no request can bring."""

GLOBAL = ("turns", "turn", "leases", "deadlines", "expiring", "due", "messages", "counts", "keys")
OWN = re.compile(
    f"(active|batch|batches|deliveries|delivery|due|events|gone|held|hook|hooks|items|job|jobs|labeled|ready|reply|same|"
    f"secret|statistics|style|styles|upload):{STRANGER}(:.*)?",
    re.DOTALL,
)
Call = Callable[[Services, str, str], Any]


def styled(name: str, **facts: Any) -> StyleRecord:
    known = {"tenant": STRANGER, "id": IDS[1], "name": name, "sha256": name, "key": "", "stored_sha256": "0" * 64}
    size = {"bytes": 1, "content_type": name, "width": 1, "height": 1, "labels": {name: name}, "created_ms": 0}
    return StyleRecord(**{**known, **size, **facts})


def labelled(services: Services, word: str, other: str) -> None:
    """Submit a job that brings words wherever a spec takes some, list it, and cancel it, which tells its webhook."""
    uploaded(services, STRANGER)
    wish: dict[str, Any] = {
        "labels": {word[:64]: other[:256]},
        "webhook": {"url": (other or "x")[:2048]},
        "start_deadline_s": 60,
    }
    made = services.jobs.submit(Submission(job(STRANGER, **wish), "f", ""))
    found, _ = services.lists.page(STRANGER, Query(None, (f"{word[:64]}={other[:256]}",), 0), after=None, limit=2)
    assert made.job.id in [one.id for one in found]
    assert made.job.spec.labels == {word[:64]: other[:256]}
    services.jobs.cancel(STRANGER, made.job.id)


def batched(services: Services, word: str, other: str) -> None:
    uploaded(services, STRANGER)
    one = replace(job(STRANGER), batch=IDS[1], custom_id=word[:64])
    _, made = services.batches.submit(
        IDS[1], [Submission(one, other)], fingerprint=other, durability=IN_MEMORY, webhook_url=other
    )
    assert not made or services.batches.items(STRANGER, IDS[1])[0].custom_id == word[:64]
    services.jobs.forget(STRANGER, one.id)


def hooked(services: Services, word: str, other: str) -> None:
    saved = services.webhooks.save(
        STRANGER, IDS[1], url=word, events=["job.canceled", other], description=other, secret=word, at_most=16
    )
    assert saved is not None
    assert (saved.url, saved.description) == (word, other)


def kept(services: Services, word: str, other: str) -> None:
    uploaded(services, STRANGER)
    services.styles.save(styled(word), at_most=3)
    assert services.styles.get(STRANGER, IDS[1]).labels == {word: word}
    services.styles.hold_statistics(STRANGER, IDS[1], other)


def replied(services: Services, word: str, other: str) -> None:
    reply = services.replies.begin(STRANGER, word, fingerprint=other)
    services.replies.refused(STRANGER, word)
    first = other if reply.answer is None else reply.answer
    assert services.replies.remember(STRANGER, word, other) == first


CALLS: Mapping[str, Call] = {
    "get": lambda s, a, _: s.jobs.get(STRANGER, a),
    "find": lambda s, a, b: s.jobs.find(STRANGER, a, b),
    "cancel": lambda s, a, _: s.jobs.cancel(STRANGER, a),
    "forget": lambda s, a, _: s.jobs.forget(STRANGER, a),
    "events": lambda s, a, b: s.events.since(STRANGER, a, b),
    "list": lambda s, a, b: s.lists.page(STRANGER, Query(JobState.QUEUED, (a,), 0), after=Mark(2**52, b), limit=2),
    "batch": lambda s, a, b: (
        s.batches.find(STRANGER, a, fingerprint=b, durability=IN_MEMORY),
        s.batches.get(STRANGER, a),
    ),
    "items": lambda s, a, _: s.batches.items(STRANGER, a, start=0, limit=5),
    "batches": lambda s, a, _: s.batches.page(STRANGER, after=Mark(0, a), limit=2),
    "upload": lambda s, a, _: s.uploads.get(STRANGER, a),
    "forget upload": lambda s, a, _: s.uploads.forget(STRANGER, a),
    "settle upload": lambda s, a, _: s.uploads.settle(STRANGER, a),
    "expect upload": lambda s, a, b: s.uploads.expect(Expected(STRANGER, IDS[1], a, 1, b, 0), ttl_s=60),
    "style": lambda s, a, _: s.styles.get(STRANGER, a),
    "styles": lambda s, a, _: s.styles.page(STRANGER, after=Mark(2**52, a), limit=2),
    "delete style": lambda s, a, _: s.styles.delete(STRANGER, a),
    "statistics": lambda s, a, b: s.styles.find_statistics(STRANGER, a, b),
    "webhook": lambda s, a, _: s.webhooks.get(STRANGER, a),
    "enable webhook": lambda s, a, _: s.webhooks.enable(STRANGER, a),
    "delete webhook": lambda s, a, _: s.webhooks.delete(STRANGER, a),
    "rotate webhook": lambda s, a, b: s.webhooks.rotate(STRANGER, a, b),
    "default secret": lambda s, a, _: s.webhooks.default_secret(STRANGER, a, renew=True),
    "delivery": lambda s, a, _: s.deliveries.get(STRANGER, a),
    "replay": lambda s, a, _: s.deliveries.replay(STRANGER, a),
    "deliveries": lambda s, a, b: s.deliveries.page(STRANGER, endpoint_id=a, after=Mark(2**52, b), limit=2),
    "revoke": lambda s, a, _: revoke_key(s.keys, a, tenant=STRANGER),
    "rotate": lambda s, a, _: rotate_key(s.keys, a, tenant=STRANGER),
    "admit": lambda s, a, b: admit(s.keys, a, brings=len(b)),
    "job": labelled,
    "batch of one": batched,
    "endpoint": hooked,
    "new style": kept,
    "reply": replied,
}


class World:
    """All that is in Redis under the prefix of a test."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._prefix = services.settings.redis_prefix
        self._redis: Any = redis_driver.Redis.from_url(services.settings.redis_url.get_secret_value())

    def begin(self) -> None:
        """Clear it, and give the victim one of everything."""
        if keys := list(self._keys()):
            self._redis.delete(*keys)
        for tenant, own in ((VICTIM, IDS[0]), (STRANGER, IDS[1])):
            submitted(self._services, tenant, job_id=own, labels={"a": "b"}, start_deadline_s=60)
            self._services.styles.save(styled("a", tenant=tenant, id=own), at_most=3)
            self._services.webhooks.default_secret(tenant, "whsec_")
            self._services.webhooks.save(
                tenant, own, url="u", events=["job.canceled"], description="", secret="s", at_most=1
            )
            self._services.replies.begin(tenant, "k", fingerprint="f")
        create_key(self._services.keys, tenant=VICTIM, name="")

    def victims(self) -> dict[str, Any]:
        """Take a picture of what is the victim's, in its own keys and in those of all."""
        return {name: seen for name, seen in self._seen() if seen}

    def strange(self) -> list[str]:
        """Name the keys that belong to neither, nor to all."""
        names = [key.removeprefix(self._prefix.encode()).decode() for key in self._keys()]
        return [
            name
            for name in names
            if name not in GLOBAL and not OWN.fullmatch(name) and VICTIM not in name.split(":")[1:2]
            if not re.fullmatch("key:[0-9a-f]{12}", name)
        ]

    def close(self) -> None:
        self._redis.close()

    def _keys(self) -> Iterator[bytes]:
        yield from self._redis.scan_iter(f"{self._prefix}*", count=1000)

    def _seen(self) -> Iterator[tuple[str, Any]]:
        for key in sorted(self._keys()):
            name = key.removeprefix(self._prefix.encode()).decode()
            if name in {"leases", "deadlines", "expiring", "due", "turns"}:
                members = self._redis.zrange(key, 0, -1, withscores=True)
                yield name, [one for one in members if VICTIM.encode() in one[0].split(b":")]
            elif re.match(f"[a-z]+:{VICTIM}(:|$)|keys?(:|$)", name):
                yield name, self._redis.dump(key)


@pytest.fixture
def world(services: Services) -> Iterator[World]:
    world = World(services)
    yield world
    world.begin()
    world.close()


@given(st.lists(st.tuples(st.sampled_from(sorted(CALLS)), WORDS, WORDS), min_size=1, max_size=4))
@example([(call, word, word) for call in sorted(CALLS) for word in ("a:b\0c", f"{VICTIM}:{IDS[0]}")])
def test_no_words_lead_a_call_out_of_its_tenant(
    services: Services, world: World, calls: list[tuple[str, str, str]]
) -> None:
    world.begin()
    before = world.victims()
    for name, word, other in calls:
        try:
            CALLS[name](services, word, other)
        except ImpastoError:
            continue
    assert world.victims() == before
    assert world.strange() == []
