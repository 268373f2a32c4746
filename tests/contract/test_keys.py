"""Keys, against a real Redis."""

from __future__ import annotations

from typing import Any

import pytest
import redis as redis_driver

from service.errors import Forbidden, InvalidSpec, NotFound, Unauthorized
from service.keys import authenticate, create_key, revoke_key
from service.settings import Settings
from service.wiring import Services

pytestmark = pytest.mark.servers


def test_a_key_lets_its_tenant_in(services: Services, tenant: str) -> None:
    key = create_key(services.keys, tenant=tenant, name="shop")
    record = authenticate(services.keys, key, scope="jobs:write")
    assert (record.tenant, record.name) == (tenant, "shop")
    assert services.keys.all() == [record]


def test_a_keys_secret_is_nowhere_in_the_store(services: Services, settings: Settings, tenant: str) -> None:
    secret = create_key(services.keys, tenant=tenant, name="shop").split("_", 2)[2]
    with redis_driver.Redis.from_url(settings.redis_url.get_secret_value(), decode_responses=True) as client:
        kept = [str(client.hgetall(key)) for key in client.scan_iter(f"{settings.redis_prefix}key:*")]
    assert len(kept) == 1
    assert secret not in kept[0]


def test_a_revoked_key_lets_nobody_in(services: Services, tenant: str) -> None:
    key = create_key(services.keys, tenant=tenant, name="shop")
    revoke_key(services.keys, key.split("_")[1])
    with pytest.raises(Unauthorized):
        authenticate(services.keys, key, scope="jobs:read")
    assert services.keys.all() == []


def test_revoking_an_unknown_key_says_so(services: Services) -> None:
    with pytest.raises(NotFound):
        revoke_key(services.keys, "000000000000")


def test_a_scope_is_needed_and_admin_has_them_all(services: Services, tenant: str) -> None:
    reads = create_key(services.keys, tenant=tenant, name="r", scopes=["jobs:read"])
    admin = create_key(services.keys, tenant=tenant, name="a", scopes=["admin"])
    with pytest.raises(Forbidden, match="jobs:write"):
        authenticate(services.keys, reads, scope="jobs:write")
    assert authenticate(services.keys, admin, scope="jobs:write").name == "a"


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({"tenant": "A"}, "/tenant"),
        ({"tenant": "a:b"}, "/tenant"),
        ({"tenant": ""}, "/tenant"),
        ({"scopes": ["everything"]}, "/scopes"),
        ({"scopes": []}, "/scopes"),
    ],
)
def test_a_key_that_can_not_be_is_refused_by_field(services: Services, wish: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        create_key(services.keys, **{"tenant": "t", "name": "n", **wish})
    assert [problem.pointer for problem in refused.value.problems] == [pointer]
