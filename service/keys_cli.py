"""`impasto keys`: make, list, rotate and revoke API keys."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.keys import OVERLAP_HOURS, SCOPES, create_key, revoke_key, rotate_key
from service.settings import read_settings
from service.stores.key_store import LIMIT_MAX, Limits
from service.terminal import AsJson, print_json
from service.wiring import open_services

if TYPE_CHECKING:
    from service.stores.key_store import KeyRecord

DAY_MS = 24 * 3600 * 1000

KeyId = Annotated[str, typer.Argument(help="The id that `impasto keys list` shows.")]


def keys() -> typer.Typer:
    """Give the commands."""
    app = typer.Typer(
        help="Make, list, rotate and revoke API keys, in the Redis that IMPASTO_REDIS_URL names.",
        no_args_is_help=True,
    )
    app.command("create")(_create)
    app.command("list")(_list)
    app.command("rotate")(_rotate)
    app.command("revoke")(_revoke)
    return app


def _create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    tenant: Annotated[str, typer.Option(help="Whose jobs it sees.")] = "default",
    scope: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(sorted(SCOPES))}; repeatable.")] = None,
    expires_days: Annotated[float | None, typer.Option(min=0.001, help="It ends by itself after so long.")] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=1, max=LIMIT_MAX, help="How fast its allowance comes back.")
    ] = None,
    burst: Annotated[int | None, typer.Option(min=1, max=LIMIT_MAX, help="Requests that it may make at once.")] = None,
    jobs_in_flight: Annotated[
        int | None, typer.Option(min=1, max=LIMIT_MAX, help="Jobs of it that may be open.")
    ] = None,
    bytes_per_day: Annotated[
        int | None, typer.Option(min=1, max=LIMIT_MAX, help="Bytes that it may bring in a day.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, once. What it may ask for is what the settings say, unless an option says otherwise.

    Example: impasto keys create shop --tenant acme --scope jobs:read --scope jobs:write
    """
    limits = Limits(requests_per_minute, burst, jobs_in_flight, bytes_per_day)
    expires_ms = None if expires_days is None else round(time.time() * 1000 + expires_days * DAY_MS)
    with open_services(read_settings()) as services:
        key = create_key(
            services.keys,
            tenant=tenant,
            name=name,
            scopes=scope or ("jobs:read", "jobs:write"),
            limits=limits,
            expires_ms=expires_ms,
        )
    _show(key, as_json=as_json, tenant=tenant, name=name)


def _list(as_json: AsJson = False) -> None:
    """List the keys: whose they are, what they may do, when they were used. The keys themselves are not kept."""
    with open_services(read_settings()) as services:
        records = services.keys.all()
    if as_json:
        print_json([_facts(record) for record in records])
        return
    table = Table("id", "tenant", "name", "scopes", "last used", "ends", "limits", box=None, header_style="bold")
    for record in records:
        limits = ", ".join(f"{name} {value}" for name, value in asdict(record.limits).items() if value is not None)
        old = " (old secret works too)" if (record.old_until_ms or 0) > time.time() * 1000 else ""
        table.add_row(
            record.id,
            record.tenant,
            escape(record.name) + old,
            " ".join(sorted(record.scopes)),
            _day(record.used_ms) or "never",
            _day(record.expires_ms) or "never",
            limits.replace("_", " ") or "as the settings say",
        )
    Console().print(table)


def _rotate(
    key_id: KeyId,
    overlap_hours: Annotated[float, typer.Option(min=0, help="For how long the old secret works too.")] = OVERLAP_HOURS,
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret and show it, once.

    Example: impasto keys rotate 3fb40f52b7d0 --overlap-hours 1
    """
    with open_services(read_settings()) as services:
        key = rotate_key(services.keys, key_id, overlap_hours=overlap_hours)
    _show(key, as_json=as_json)


def _revoke(key_id: KeyId, as_json: AsJson = False) -> None:
    """Make a key useless at once."""
    with open_services(read_settings()) as services:
        revoke_key(services.keys, key_id)
    if as_json:
        print_json({"revoked": key_id})
    else:
        typer.echo(f"revoked {key_id}")


def _show(key: str, *, as_json: bool, **facts: str) -> None:
    if as_json:
        print_json({"key": key, **facts})
    else:
        typer.echo(key)


def _facts(record: KeyRecord) -> dict[str, Any]:
    times = {name: _time(getattr(record, f"{name}_ms")) for name in ("created", "expires", "used", "old_until")}
    return {
        "id": record.id,
        "tenant": record.tenant,
        "name": record.name,
        "scopes": sorted(record.scopes),
        "limits": asdict(record.limits),
        **{f"{name}_at": time for name, time in times.items()},
    }


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()


def _day(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M")
