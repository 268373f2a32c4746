from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from service.addresses import is_public
from service.errors import UrlRefused, UrlUnreachable
from service.fetch import Outside
from service.settings import Settings
from tests.hostile_urls import BESIDES, SPECIAL_4, SPECIAL_6, ends, mapped

CLOSED = (
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1", "5f00::1",
    "2001:db8::1", "3fff::1", "3ffe::1", "2001::1", "2001:0:53aa:64c::1", "2001:2::1", "2001:10::1", "2001:20::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
    "::8.8.8.8", "168.63.129.16", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
    "64:ff9b:1::808:808", "2002:7f00:1::1", "2002:c0a8:101::1", "2a00:1450::5efe:10.0.0.1",
    "2a00:1450::200:5efe:192.168.0.1", "4000::1",
)  # fmt: skip
OPEN = (
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "198.17.255.255",
    "198.20.0.1", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001::200e", "::ffff:8.8.8.8",
    "64:ff9b::808:808", "2002:808:808::1", "2a00:1450::5efe:8.8.8.8",
)  # fmt: skip


@pytest.mark.parametrize("address", CLOSED)
def test_an_address_that_is_not_of_the_public_internet_is_closed(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OPEN)
def test_a_public_address_is_open(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("network", [*SPECIAL_4, *SPECIAL_6, *BESIDES])
def test_no_address_of_a_registry_of_special_purposes_is_public(network: str) -> None:
    assert [address for address in ends((network,)) if is_public(address)] == []


@pytest.mark.parametrize("network", SPECIAL_4)
def test_an_address_is_no_more_public_within_an_ipv6_address(network: str) -> None:
    for address in ends((network,)):
        assert [host for host in mapped(IPv4Address(address)) if is_public(host.strip("[]"))] == []


STRANGE = (
    "", "x", "https://", "ftp://example.com/", "file:///etc/passwd", "//example.com/", "https:example.com",
    "http://example.com/", "https://example.com:8443/", "https://example.com:99999/", "https://user@example.com/",
    "https://user:word@example.com/", "https://example.com\\@evil.com/", "https://exa mple.com/",
    "https://example.com/\n", "https://example.com/ä", "https://exämple.com/", "https://localhost/",
    "https://example/", "https://example.com./", "https://-a.com/", "https://a-.com/", "https://127.1/",
    "https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://127.0.0.01/",
    "https://127.0.0.1./", "https://1.2.3.4.5/", "https://[::1%25lo]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::1/",
    "https://example.com%2f@evil.com/", "https://" + "a." * 130 + "com/", "https://example.com/" + "a" * 2048,
)  # fmt: skip


@pytest.mark.parametrize("url", STRANGE)
def test_a_url_of_a_strange_form_is_refused_before_anything_is_asked(url: str) -> None:
    def never(host: str, port: int) -> list[str]:
        raise AssertionError(f"{host}:{port} was looked up")

    outside = Outside(Settings(), resolve=never)
    with pytest.raises(UrlRefused):
        outside.check(url)
    with pytest.raises(UrlRefused):
        outside.get(url, max_bytes=9)
    with pytest.raises(UrlRefused):
        outside.post(url, body=b"", headers={}, timeout_s=1, answer_max=9)


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest/meta-data"])
def test_an_address_that_is_not_public_is_not_gone_to(url: str) -> None:
    with pytest.raises(UrlUnreachable):
        Outside(Settings()).check(url)


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["2606:4700:4700::1111", "::ffff:10.0.0.1"], []]
)
def test_a_name_is_gone_to_only_when_all_its_addresses_are_public(addresses: list[str]) -> None:
    with pytest.raises(UrlUnreachable):
        Outside(Settings(), resolve=lambda *_: addresses).check("https://images.example.com/a.png")


def test_a_name_whose_addresses_are_public_is_gone_to() -> None:
    Outside(Settings(), resolve=lambda *_: ["8.8.8.8"]).check("https://images.example.com:443/a.png?b=c#d")


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080/"),
        ("127.0.0.0/8", "http://127.0.0.9:8080/"),
        ("localhost:8080", "http://localhost:8080/"),
        ("hooks.internal , files.internal", "http://files.internal/a"),
        ("10.0.0.0/8", "https://images.example.com/"),
    ],
)
def test_an_operator_may_open_what_is_closed(allowed: str, url: str) -> None:
    settings = Settings.model_validate({"fetch_allow": allowed})
    Outside(settings, resolve=lambda *_: ["10.0.0.7"]).check(url)


@pytest.mark.parametrize("url", ["http://localhost:81/", "https://10.0.0.8/", "http://images.example.com/"])
def test_what_an_operator_opens_opens_nothing_else(url: str) -> None:
    settings = Settings.model_validate({"fetch_allow": "localhost:8080,10.0.0.7"})
    with pytest.raises((UrlRefused, UrlUnreachable)):
        Outside(settings, resolve=lambda *_: ["10.0.0.8"]).check(url)
