"""Which addresses are public: the only ones that may be reached because a stranger named a URL.

Both registries of special-purpose addresses count (IANA, RFC 6890), and an IPv6 address that carries an IPv4 one is as
public as that. The standard library's `is_private` and `is_global` miss several of these.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_CLOSED_4 = [
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private (RFC 1918), as 172.16 and 192.168
        "100.64.0.0/10",  # shared by carriers' NAT (RFC 6598)
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # the host of a machine on Azure, public by its number alone
        "169.254.0.0/16",  # link-local; 169.254.169.254 tells a cloud's secrets
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation (RFC 5737), as 198.51.100 and 203.0.113
        "192.31.196.0/24",  # AS112, which networks run for themselves (RFC 7535), as 192.175.48
        "192.52.193.0/24",  # multicast's tunnels (RFC 7450)
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]
_OPEN_6 = ip_network("2000::/3")
"""All that is global unicast."""
_CLOSED_6 = [
    ip_network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation (RFC 9637)
        "3ffe::/16",  # what was the 6bone
    )
]
_IN_LAST_BITS = (
    ip_network("::ffff:0:0/96"),  # mapped
    ip_network("64:ff9b::/96"),  # NAT64, the well-known prefix (RFC 6052)
)
_COMPATIBLE = ip_network("::/96")
"""IPv4 in IPv6 as it was once written; nothing public has such an address."""
_6TO4 = ip_network("2002::/16")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""What an interface identifier of ISATAP (RFC 5214) begins with; an IPv4 address follows."""


def is_public(address: str) -> bool:
    """Say whether an IP address, as text, is one of the public internet.

    Raises:
        ValueError: it is no address.
    """
    ip = ip_address(address)
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _CLOSED_4)
    if ip.scope_id is not None:
        return False
    if ip in _COMPATIBLE:
        return False
    carried = _carried(ip)
    if carried is not None and not is_public(str(carried)):
        return False
    if any(ip in network for network in _IN_LAST_BITS):
        return True
    return ip in _OPEN_6 and not any(ip in network for network in _CLOSED_6)


def _carried(ip: IPv6Address) -> IPv4Address | None:
    """Give the IPv4 address that an IPv6 address carries, if it does."""
    bits = int(ip)
    if any(ip in network for network in _IN_LAST_BITS) or (bits >> 32) & 0xFFFF_FFFF in _ISATAP:
        return IPv4Address(bits & 0xFFFF_FFFF)
    if ip in _6TO4:
        return IPv4Address((bits >> 80) & 0xFFFF_FFFF)
    return None
