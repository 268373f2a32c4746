"""The settings of this process: what is valid and yet unwise, or does not go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.finding import Finding, ok, warning, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.settings import Settings

LEASE_TTL_LEAST_S = 3.0
"""A lease is renewed every third of it: below one second, a short pause of anything loses the job."""

PRESIGN_TTL_LEAST_S = 60
PRESIGN_TTL_MOST_S = 7 * 86_400 // 2
"""S3 signs for seven days at most (AWS Signature Version 4), and URLs are signed for twice the setting."""


def look_at_configuration(settings: Settings) -> Iterator[Finding]:
    """Look at the settings; one finding `settings` where all is well, else one for each that is not."""
    found = [*_leases(settings), *_links(settings)]
    yield from found or [ok("settings", f"They go together ({settings.environment}).")]


def _leases(settings: Settings) -> Iterator[Finding]:
    ttl_s, interval_s = settings.lease_ttl_s, settings.keeper_interval_s
    if ttl_s < LEASE_TTL_LEAST_S:
        fact = f"IMPASTO_LEASE_TTL_S is {ttl_s:g}: workers lose their jobs whenever anything pauses for a moment."
        yield wrong("settings.lease", fact, f"Set it to {LEASE_TTL_LEAST_S:g} or more; 15 is the default.")
    elif interval_s > ttl_s / 2:
        fact = f"IMPASTO_KEEPER_INTERVAL_S is {interval_s:g}, more than half of IMPASTO_LEASE_TTL_S ({ttl_s:g})."
        advice = "Set it to 1: a job whose worker died waits for the keeper beyond its lease."
        yield warning("settings.keeper", fact, advice)


def _links(settings: Settings) -> Iterator[Finding]:
    ttl_s, name = settings.presign_ttl_s, "settings.presign"
    if ttl_s > PRESIGN_TTL_MOST_S:
        fact = f"IMPASTO_PRESIGN_TTL_S is {ttl_s}: S3 refuses URLs that are signed for longer than seven days."
        yield wrong(name, fact, f"Set it to {PRESIGN_TTL_MOST_S} or less; 900 is the default.")
    elif ttl_s < PRESIGN_TTL_LEAST_S:
        fact = (
            f"IMPASTO_PRESIGN_TTL_S is {ttl_s}: a slow client finds its link dead, or one whose clock is a little off."
        )
        yield warning(name, fact, f"Set it to {PRESIGN_TTL_LEAST_S} or more; 900 is the default.")
