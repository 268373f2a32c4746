"""`/v1/keys`: a tenant's API keys, for its admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api.bodies import body_of, described
from api.deps import Admin, TheServices
from api.wire.key import KeyIn, KeyOut, KeysOut, NewKeyOut
from service.errors import OwnKey
from service.keys import create_key, revoke_key, rotate_key
from service.stores.key_store import Limits

router = APIRouter(prefix="/v1/keys", tags=["keys"])


@router.post("", status_code=201, summary="Make a key", openapi_extra=described(KeyIn))
def make_key(caller: Admin, services: TheServices, wanted: Annotated[KeyIn, Depends(body_of(KeyIn))]) -> NewKeyOut:
    """Make a key of your own tenant. It is in this answer alone."""
    expires_ms = None if wanted.expires_at is None else round(wanted.expires_at.timestamp() * 1000)
    return _new(
        create_key(
            services.keys,
            tenant=caller.tenant,
            name=wanted.name,
            scopes=wanted.scopes,
            limits=Limits(**wanted.limits.model_dump()),
            expires_ms=expires_ms,
        )
    )


@router.get("", summary="List keys")
def list_keys(caller: Admin, services: TheServices) -> KeysOut:
    """List your tenant's keys, oldest first."""
    own = [record for record in services.keys.all() if record.tenant == caller.tenant]
    return KeysOut(items=[KeyOut.of(record) for record in own])


@router.post("/{key_id}/rotate", summary="Rotate a key")
def rotate(key_id: str, caller: Admin, services: TheServices) -> NewKeyOut:
    """Give a key a new secret. The old one works for a day more."""
    return _new(rotate_key(services.keys, key_id, tenant=caller.tenant))


@router.delete("/{key_id}", status_code=204, summary="Revoke a key")
def revoke(key_id: str, caller: Admin, services: TheServices) -> None:
    """Make a key useless at once: any of your tenant's but the one that you call with."""
    if key_id == caller.id:
        raise OwnKey
    revoke_key(services.keys, key_id, tenant=caller.tenant)


def _new(key: str) -> NewKeyOut:
    return NewKeyOut(id=key.split("_")[1], key=key)
