from __future__ import annotations

import pytest
from pydantic import ValidationError

from service.address import RedisAddress, read_address
from service.settings import Settings


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://h", RedisAddress(nodes=(("h", 6379),))),
        (
            "rediss://u:p%2F%3B%25@h:1/3",
            RedisAddress(tls=True, user="u", password="p/;%", nodes=(("h", 1),), database=3),
        ),
        ("redis://:p@[::1]:1/", RedisAddress(password="p", nodes=(("::1", 1),))),
        ("unix:///a%20b.sock", RedisAddress(socket="/a b.sock")),
        ("unix://u:p@/s?db=2", RedisAddress(user="u", password="p", socket="/s", database=2)),
        (
            "redis+sentinel://:p@a:1,[::1]:2,b/mine/4",
            RedisAddress(password="p", nodes=(("a", 1), ("::1", 2), ("b", 26_379)), master="mine", database=4),
        ),
        ("rediss+sentinel://a/mine", RedisAddress(tls=True, nodes=(("a", 26_379),), master="mine")),
    ],
)
def test_one_url_says_it_all(url: str, address: RedisAddress) -> None:
    assert read_address(url) == address


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://:hush@h", "must begin with redis://, rediss://, unix://, redis+sentinel://, rediss+sentinel://"),
        ("redis:hush@h/0", "must begin with"),
        ("redis://:hush@[::1/0", "is no URL"),
        ("redis://:hush@/0", "has an empty host"),
        ("redis+sentinel://:hush@a,,b/mine", "has an empty host"),
        ("redis+sentinel://:hush@a,b", "must name the master"),
        ("redis+sentinel://:hush@a,b//0", "must name the master"),
        ("redis+sentinel://:hush@a/mine/x", "must end in the number of a database"),
        ("redis+sentinel://:hush@a/mine/0/1", "must end in the number of a database"),
        ("redis://:hush@a,b/0", "may name several hosts only for sentinels"),
        ("redis://:hush@h:99999/0", "has a port that is none"),
        ("redis://:hush/x@h:1/0", "must end in the number of a database"),
        ("redis://:hush#x@h:1/0", "may have neither ? nor #"),
        ("rediss://:hush@h/0?ssl_cert_reqs=none", "may have neither ? nor #"),
        ("unix://:hush@host/path", "must name a socket by its whole path"),
        ("unix://:hush@/", "must name a socket by its whole path"),
        ("unix://:hush@/s?protocol=3", "may say nothing after ? but db"),
        ("unix://:hush@/s?db=x", "must end in the number of a database"),
    ],
)
def test_a_bad_url_is_refused_in_a_sentence_that_names_the_setting_and_hides_the_password(
    url: str, complaint: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(redis_url=url)
    (problem,) = refused.value.errors()
    assert problem["msg"].startswith(f"Value error, IMPASTO_REDIS_URL {complaint}")
    assert "hush" not in f"{refused.value!r}"


@pytest.mark.parametrize("url", ["redis+sentinel://a/mine", "rediss://user@h/0", "unix:///s", "redis://:@h"])
def test_production_needs_a_password_on_every_way(url: str) -> None:
    with pytest.raises(ValidationError, match="IMPASTO_REDIS_URL needs a password in production"):
        Settings(environment="production", redis_url=url)


def test_an_address_does_not_show_its_password() -> None:
    assert "hush" not in repr(read_address("redis+sentinel://:hush@a/mine"))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"durable_replicas": 1}, "IMPASTO_DURABLE_REPLICAS"),
        ({"s3_kms_key_id": "k"}, "IMPASTO_S3_KMS_KEY_ID"),
        ({"s3_kms_key_id": "k", "s3_sse": "AES256"}, "IMPASTO_S3_KMS_KEY_ID"),
        ({"s3_prefix": "/a"}, "s3_prefix"),
        ({"redis_ca_file": "/nowhere/ca.pem"}, "redis_ca_file"),
        ({"s3_ca_file": "/nowhere/ca.pem"}, "s3_ca_file"),
    ],
)
def test_settings_that_could_not_work_are_refused(values: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Settings.model_validate(values)
