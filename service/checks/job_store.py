"""Redis: whether it answers, and whether it may be trusted with jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.filesize import decimal

from service.checks.finding import Finding, many, ok, place, warning, wrong
from service.errors import JobStoreUnavailable
from service.stores.server_facts import Server, ServerFacts, open_server
from service.stores.troubles import Trouble, trouble_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.settings import Settings

OLDEST = (7, 0)
OLDEST_WAITAOF = (7, 2)
"""The first version that can say when a write is on the disk."""

NEARLY_FULL = 0.8
SKEW_S = 5.0
"""Presigned URLs and logs that are off by less disturb nobody."""

UNREACHABLE = {
    Trouble.REFUSED: ("Nothing listens at {at}.", "Start Redis, or correct IMPASTO_REDIS_URL."),
    Trouble.SILENT: (
        "{at} does not answer.",
        "See whether that machine is up and no firewall stands between; if it is, Redis itself is stuck.",
    ),
    Trouble.UNKNOWN_HOST: ("Nobody knows the host of {at}.", "Correct IMPASTO_REDIS_URL, or the name server."),
    Trouble.CLOSED: (
        "{at} hangs up.",
        "If it speaks TLS, IMPASTO_REDIS_URL must begin with rediss://; if not, its log says why (too many clients?).",
    ),
    Trouble.STRANGER: ("What listens at {at} is not Redis.", "Correct IMPASTO_REDIS_URL."),
    Trouble.NO_MASTER: (
        "No sentinel at {at} names a master.",
        "See whether the sentinels run, know the name in IMPASTO_REDIS_URL, and take the password that they are given.",
    ),
    Trouble.TLS: (
        "{at} does not speak TLS with us.",
        "Let IMPASTO_REDIS_URL begin with redis:// if the server has no TLS; if it has, see which versions it takes.",
    ),
    Trouble.CERTIFICATE: (
        "The certificate of {at} is not one that this machine trusts.",
        "See whether it has expired, names this host, and is signed by an authority that is known here.",
    ),
    Trouble.CREDENTIALS: (
        "{at} does not let us in: the password is wrong or missing.",
        "Correct user and password in IMPASTO_REDIS_URL (redis://user:password@host:6379/0).",
    ),
    Trouble.PERMISSION: (
        "{at} knows us but permits too little.",
        "Let the user in IMPASTO_REDIS_URL run all commands on keys of our prefix, and INFO.",
    ),
    Trouble.LOADING: (
        "{at} is still reading its log back from the disk.",
        "Wait: it was started a moment ago. Its own log says how far it is.",
    ),
}
UNWRITABLE = {
    Trouble.FULL: (
        "Redis refuses to write: its memory is used up.",
        "Raise maxmemory. Jobs can't be accepted or finished until there is room.",
    ),
    Trouble.DISK: (
        "Redis refuses to write: it can't write to its disk.",
        "Make room on the disk of Redis, or mend it; its log says what failed.",
    ),
    Trouble.READ_ONLY: ("Redis refuses to write: it is a replica.", "Let IMPASTO_REDIS_URL name the master."),
    Trouble.PERMISSION: (
        "Redis does not permit us to write.",
        "Let the user in IMPASTO_REDIS_URL run all commands on keys of our prefix.",
    ),
}


def look_at_job_store(settings: Settings) -> Iterator[Finding]:
    """Look at Redis; the first finding, `redis`, says whether it answers at all."""
    at = place(settings.redis_url.get_secret_value(), otherwise="the server in IMPASTO_REDIS_URL")
    with open_server(settings) as server:
        try:
            facts = server.facts()
        except JobStoreUnavailable as error:
            yield unreachable(error, at=at)
            return
        yield ok("redis", f"{facts.product} answers at {at}.")
        yield from judge(facts, settings)
        if not facts.is_replica:
            yield _writing(server)


def unreachable(error: JobStoreUnavailable, *, at: str) -> Finding:
    """Say why Redis is out of reach."""
    fact, advice = UNREACHABLE.get(trouble_of(error), ("{at} can't be used ({why}).", "Its own log may say why."))
    rest = "So broker, keeper, workers, queue and leases were not looked at."
    return wrong("redis", f"{fact.format(at=at, why=error)} {rest}", advice)


def judge(facts: ServerFacts, settings: Settings) -> Iterator[Finding]:
    """Judge what the server says about itself."""
    yield _version(facts, settings)
    yield _role(facts)
    yield _eviction(facts)
    yield _durability(facts, settings)
    yield _memory(facts)
    yield clock("redis.clock", "Redis's", facts.ahead_s)


def clock(name: str, whose: str, ahead_s: float) -> Finding:
    """Judge a server's clock, which is `ahead_s` seconds ahead of ours."""
    if abs(ahead_s) < SKEW_S:
        return ok(name, f"{whose} clock and ours agree.")
    where = "ahead of" if ahead_s > 0 else "behind"
    fact = f"{whose} clock is {abs(ahead_s):.0f} s {where} this machine's."
    return warning(name, fact, "Let both follow a time server (chrony, systemd-timesyncd); one of them is wrong.")


def _version(facts: ServerFacts, settings: Settings) -> Finding:
    name = "redis.version"
    if facts.version < OLDEST:
        return wrong(name, f"{facts.product} is too old.", "Use Redis 7 or newer, or Valkey.")
    if settings.durable_submit == "fsync" and facts.version < OLDEST_WAITAOF:
        fact = f"{facts.product} has no WAITAOF, which IMPASTO_DURABLE_SUBMIT=fsync needs."
        return wrong(name, fact, "Use Redis 7.2 or newer, or Valkey; until then no job is accepted.")
    return ok(name, f"{facts.product} is new enough.")


def _role(facts: ServerFacts) -> Finding:
    if facts.is_replica:
        return wrong("redis.role", "This server is a replica: it takes no writes.", "Name its master instead.")
    return ok("redis.role", "It is a master.")


def _eviction(facts: ServerFacts) -> Finding:
    name, mend = "redis.eviction", "Set maxmemory-policy noeviction (CONFIG SET, and in redis.conf)."
    gone = f"{many(facts.evicted, 'key')} evicted since Redis was started"
    if facts.policy != "noeviction" and (facts.limit_bytes or facts.evicted):
        return wrong(name, f"maxmemory-policy is {facts.policy}: Redis throws jobs away when it is full; {gone}.", mend)
    if facts.policy != "noeviction":
        fact = f"maxmemory-policy is {facts.policy}: as soon as maxmemory is set, jobs are thrown away."
        return warning(name, fact, mend)
    if facts.evicted:
        advice = "The policy is right by now. Look for jobs that are not found; it counts from 0 after a restart."
        return warning(name, f"{gone}: jobs may have been among them.", advice)
    return ok(name, "Nothing is ever evicted.")


def _durability(facts: ServerFacts, settings: Settings) -> Finding:
    name = "redis.durability"
    if facts.append_only and not facts.disk_ok:
        return wrong(name, "The last write to the append-only log failed.", "Make room on the disk of Redis.")
    if facts.append_only:
        return ok(name, "Every write goes to an append-only log.")
    mend = "Set appendonly yes (CONFIG SET, and in redis.conf)."
    if settings.durable_submit == "fsync":
        return wrong(name, "appendonly is no, and IMPASTO_DURABLE_SUBMIT=fsync needs it: no job is accepted.", mend)
    lost = wrong if settings.environment == "production" else warning
    return lost(name, "appendonly is no: jobs are lost when Redis is restarted.", mend)


def _memory(facts: ServerFacts) -> Finding:
    name, used = "redis.memory", decimal(facts.used_bytes)
    if not facts.limit_bytes:
        return ok(name, f"{used} used; maxmemory is not set.")
    fact = f"{used} of {decimal(facts.limit_bytes)} used ({facts.used_bytes / facts.limit_bytes:.0%})."
    if facts.used_bytes <= NEARLY_FULL * facts.limit_bytes:
        return ok(name, fact)
    return warning(
        name, fact, "Raise maxmemory, or give jobs a shorter retention_s; when it is full, jobs are refused."
    )


def _writing(server: Server) -> Finding:
    try:
        server.try_write()
    except JobStoreUnavailable as error:
        fact, advice = UNWRITABLE.get(trouble_of(error), (f"Redis did not take a write ({error}).", "See its log."))
        return wrong("redis.writing", fact, advice)
    return ok("redis.writing", "It takes writes.")
