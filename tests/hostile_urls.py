"""URLs of those who mean ill, each of which every field that takes a URL has to refuse, and nobody may follow.

`MALFORMED` ones are refused for their form, before any name is looked up. `INWARD` ones are formed well and lead to
what is not public, some by a name that `NAMES` resolves; they are answered in one sentence, whatever is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network

SPECIAL_4 = (
    "0.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.9/32", "192.0.0.10/32", "192.0.0.170/32",
    "192.0.0.171/32", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.88.99.2/32",
    "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
    "255.255.255.255/32",
)  # fmt: skip
"""IANA's registry of special-purpose IPv4 addresses."""
SPECIAL_6 = (
    "::1/128", "::/128", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32", "2001:1::1/128",
    "2001:1::2/128", "2001:1::3/128", "2001:2::/48", "2001:3::/32", "2001:4:112::/48", "2001:10::/28", "2001:20::/28",
    "2001:30::/28", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
)  # fmt: skip
"""The same of IPv6, but for three nets whose addresses carry an IPv4 one: ::ffff:0:0/96, 64:ff9b::/96, 2002::/16."""
BESIDES = ("168.63.129.16/32", "224.0.0.0/4", "fec0::/10", "ff00::/8", "::/96", "::ffff:0:0:0/96", "3ffe::/16")
"""What is in neither registry, and not public either."""

NAMES = {
    "metadata.google.internal": ["169.254.169.254"],
    "metadata.azure.internal": ["168.63.129.16"],
    "instance-data.ec2.internal": ["fd00:ec2::254"],
    "kubernetes.default.svc.cluster.local": ["10.96.0.1"],
    "images.localhost": ["127.0.0.1"],
    "localhost.localdomain": ["::1"],
    "127.0.0.1.nip.example.com": ["127.0.0.1"],
    "7f000001.hex.example.com": ["127.0.0.1"],
    "0x7f.1.evil": ["127.0.0.1"],
    "_redis._tcp.example.com": ["10.0.0.6"],
    "one-of-two.example.com": ["8.8.8.8", "192.168.1.1"],
    "six-of-two.example.com": ["8.8.8.8", "fe80::1"],
    "mapped.example.com": ["::ffff:10.0.0.1"],
    "nat64.example.com": ["64:ff9b::7f00:1"],
    "six-to-four.example.com": ["2002:a00:1::1"],
    "teredo.example.com": ["2001:0:53aa:64c::1"],
    "isatap.example.com": ["2a00:1450::5efe:10.0.0.1"],
    "unspecified.example.com": ["0.0.0.0"],
    "broadcast.example.com": ["255.255.255.255"],
    "xn--lcalhost-9za.example.com": ["127.0.0.1"],
    "nowhere.example.com": [],
}
"""What the names say to whom asks for them; none: there is no such name."""

INWARD = (
    *(f"https://{name}/" for name in NAMES),
    "https://127.0.0.1/", "https://127.0.0.1:443/", "https://127.0.0.1:80/", "HTTPS://127.0.0.1/", "https://127.1.2.3/",
    "https://[::1]/", "https://[::]:443/", "https://0.0.0.0/", "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/v2/credentials", "https://100.100.100.200/", "https://192.0.0.192/opc/v2/", "https://10.0.0.1/",
    "https://[fd00:ec2::254]/latest/", "https://[fe80::a9fe:a9fe]/", "https://255.255.255.255/", "https://224.0.0.1/",
    "https://127.0.0.1/#@example.com/", "https://127.0.0.1/?@example.com/", "https://127.0.0.1#@example.com/",
    "https://127.0.0.1?@example.com/", "https://127.0.0.1/%0d%0aX:%20y", "https://127.0.0.1/..;/x", "https://127.0.0.1",
    "https://METADATA.google.INTERNAL/computeMetadata/v1/", "https://one-of-two.example.com/?next=https://example.com/",
    "https://nowhere.example.com:443#.example.com", "https://images.localhost:80/",
)  # fmt: skip

MALFORMED = (
    # no URL at all, or of other schemes
    "", " ", "x", "127.0.0.1", "//127.0.0.1/", "/etc/passwd", "https:", "https:/", "https://", "https:///", "https:///a",
    "https:127.0.0.1", "https:/127.0.0.1/", "://127.0.0.1/", "file:///etc/passwd", "file://127.0.0.1/", "ftp://127.0.0.1/",
    "gopher://127.0.0.1:6379/_FLUSHALL", "dict://127.0.0.1:6379/info", "ldap://127.0.0.1/", "tftp://127.0.0.1/x",
    "data:image/png;base64,AAAA", "javascript:alert(1)", "jar:https://127.0.0.1!/", "view-source:https://127.0.0.1/",
    "redis://127.0.0.1:6379/", "s3://bucket/key", "unix:///var/run/docker.sock", "ws://127.0.0.1/", "httpss://127.0.0.1/",
    "http://example.com/", "http://127.0.0.1/", "HTTP://127.0.0.1/", "http+unix://%2Fvar%2Frun/", "url:https://127.0.0.1/",
    # ports
    "https://127.0.0.1:6379/", "https://example.com:22/", "https://example.com:8443/", "https://example.com:0/",
    "https://example.com:-1/", "https://example.com:99999/", "https://example.com:443a/", "https://example.com:4 43/",
    "https://example.com:+443/", "https://example.com:4_4_3/", "https://example.com:٤٤٣/", "https://example.com:443:80/",
    "https://[::1]:6379/", "https://[::1]443/", "https://example.com:0x1bb/",
    # credentials, and what is taken for them
    "https://user@127.0.0.1/", "https://user:word@example.com/", "https://@127.0.0.1/", "https://:@example.com/",
    "https://example.com@127.0.0.1/", "https://127.0.0.1@example.com/", "https://example.com:443@127.0.0.1/",
    "https://a@b@127.0.0.1/", "https://example.com%40127.0.0.1/", "https://example.com%2f@127.0.0.1/",
    "https://example.com;@127.0.0.1/", "https://[::1]@example.com/",
    # backslashes, white space, control characters, line ends
    "https://example.com\\@127.0.0.1/", "https:\\\\127.0.0.1\\", "https://127.0.0.1\\.example.com/", "https://example.com\\",
    " https://127.0.0.1/", "https://127.0.0.1/ ", "\thttps://127.0.0.1/", "ht\ntps://127.0.0.1/", "https://127.0\t.0.1/",
    "https://127.0.0.1\r\nHost: example.com/", "https://example.com/\r\nX-Y: z", "https://a b/",
    "https://example.com/\n",
    "https://example.com/\x00", "https://exam\x00ple.com/", "\x00https://127.0.0.1/", "https://example.com/\x7f",
    "https://example.com%0d%0aX:y/", "https://example.com%00.evil.com/", "https://example.com%09/", "https://\x1f127.0.0.1/",
    "https://exam\N{SOFT HYPHEN}ple.com/", "https://\N{RIGHT-TO-LEFT OVERRIDE}moc.elpmaxe/", "https://example.com/\ud800",
    # letters that become others
    "https://１２７.０.０.１/", "https://127。0。0。1/", "https://127．0．0．1/", "https://①②⑦.⓪.⓪.①/", "https://ⓛocalhost/",
    "https://ｌｏｃａｌｈｏｓｔ/", "https://loc\N{LATIN SMALL LIGATURE FI}al.com/", "https://ß.example.com/",
    "https://example\N{ZERO WIDTH JOINER}.com/", "https://example.com\N{FULLWIDTH SOLIDUS}evil.com/", "https://℀.evil.com/",
    "https://evil.c\N{CARE OF}.example.com/", "https://\N{CYRILLIC SMALL LETTER A}pple.com/", "https://İ.example.com/",
    "https://[::１]/", "https://example.com/ä",
    # names
    "https://localhost/", "https://LOCALHOST/", "https://redis/", "https://example.com./", "https://localhost./",
    "https://example..com/", "https://.example.com/", "https://-a.com/", "https://a-.com/", "https://a.-com/",
    "https://exam!ple.com/", "https://exam'ple.com/", "https://*.example.com/", "https://a,b.com/", "https://$HOME.com/",
    "https://{127.0.0.1}/", "https://<127.0.0.1>/", "https://`id`.com/", "https://example.123/", "https://1.2.3.4.5/",
    f"https://{'a' * 64}.com/", f"https://{'a.' * 130}com/", f"https://example.com/{'a' * 2048}",
    f"https://{'a' * 3000}.com/",
    # what is within brackets
    "https://[::1%25lo]/", "https://[::1%lo]/", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[::1",
    "https://::1/", "https://[]/", "https://[127.0.0.1]/", "https://[v1.127]/", "https://[localhost]/", "https://[::1].com/",
    "https://[[::1]]/", "https://[0:0:0:0:0:0:0:1]/", "https://[0000::1]/", "https://[::0001]/", "https://[::FFFF:7F00:1%31]/",
    "https://[::1]x/", "https://[::127.0.0.1%00]/",
)  # fmt: skip


def mapped(address: IPv4Address) -> Iterator[str]:
    """Write an IPv4 address within IPv6 ones: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP."""
    bits = int(address)
    teredo = (0x2001_0000 << 96) | (0x53AA_064C << 64) | (bits ^ 0xFFFF_FFFF)
    in_last_bits = ("::ffff:0:0", "::", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "2a00:1450::5efe:0:0",
                    "2a00:1450::200:5efe:0:0")  # fmt: skip
    for number in (*(int(IPv6Address(net)) | bits for net in in_last_bits), (0x2002 << 112) | (bits << 80) | 1, teredo):
        yield f"[{IPv6Address(number)}]"


def oddly(address: IPv4Address) -> Iterator[str]:
    """Spell an IPv4 address as some resolvers still read it, and as nobody writes it."""
    bits, (a, b, c, d) = int(address), address.packed
    yield from (str(bits), f"0x{bits:x}", f"0X{bits:08X}", f"0{bits:o}", f"{bits + 2**32}")
    yield from (f"{a}.{bits & 0xFFFFFF}", f"{a}.{b}.{bits & 0xFFFF}", f"0x{a:x}.0x{bits & 0xFFFFFF:x}")
    yield from (f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}", f"0{a:03o}.{b}.{c}.{d}")
    yield from (
        f"{a:03}.{b:03}.{c:03}.{d:03}",
        f"{a}.{b}.{c}.{d}.",
        f"{a + 256}.{b}.{c}.{d}",
        f"0x{a:x}.{b}.0{c:o}.{d}",
    )
    yield from ("".join(f"%{ord(letter):x}" for letter in str(address)), f"{a}%2e{b}%2e{c}%2e{d}")
    yield str(address).translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"})
    yield f"{a}\N{IDEOGRAPHIC FULL STOP}{b}\N{IDEOGRAPHIC FULL STOP}{c}\N{IDEOGRAPHIC FULL STOP}{d}"
    yield f"[{address}]"


def ends(networks: tuple[str, ...]) -> Iterator[str]:
    """Give the first, the middle and the last address of each network."""
    for network in map(ip_network, networks):
        yield from dict.fromkeys(str(network[n]) for n in (0, network.num_addresses // 2, -1))


def spelled_4() -> Iterator[str]:
    """Write an address of each special IPv4 network in every way."""
    for network in (*SPECIAL_4, *(net for net in BESIDES if ":" not in net)):
        address = IPv4Address(int(ip_network(network)[-1]))
        yield from (f"https://{host}/" for host in (str(address), *oddly(address), *mapped(address)))


def spelled_6() -> Iterator[str]:
    """Write an address of each special IPv6 network: plainly, in full, in capitals, with a zone."""
    for network in (*SPECIAL_6, *(net for net in BESIDES if ":" in net)):
        address = IPv6Address(int(ip_network(network)[-1]))
        for host in (str(address), address.exploded, str(address).upper(), f"{address}%25eth0"):
            yield f"https://[{host}]/"
