"""A DNS server on loopback that answers as a test wants, and a resolver that asks it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset

from service.fetch import Resolve

Zone = Callable[[dns.message.Message], dns.message.Message | None]
"""Answers a question; None says nothing."""


@dataclass
class StubDns:
    """Where it is, and what it was asked: names with the type of record."""

    port: int
    asked: list[tuple[str, str]] = field(default_factory=list)

    def asks(self, *, patience_s: float = 30) -> Resolve:
        """Give a resolver of names that asks this server alone, and keeps nothing in mind."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.lifetime = ["127.0.0.1"], self.port, patience_s

        def resolve(host: str, _: int) -> list[str]:
            try:
                return list(resolver.resolve_name(f"{host}.").addresses())
            except dns.exception.DNSException as error:
                raise OSError(str(error)) from error

        return resolve


def name_and_type(question: dns.message.Message) -> tuple[str, str]:
    """Say what is asked for."""
    [asked] = question.question
    return str(asked.name).removesuffix(".").lower(), dns.rdatatype.to_text(asked.rdtype)


def say(question: dns.message.Message, *records: tuple[str, str, str], ttl_s: int = 0) -> dns.message.Message:
    """Answer with records (name, type, value)."""
    reply = dns.message.make_response(question)
    reply.flags |= dns.flags.RA
    for name, kind, value in records:
        reply.answer.append(dns.rrset.from_text(f"{name}.", ttl_s, "IN", kind, value))
    return reply


def no_such_name(question: dns.message.Message) -> dns.message.Message:
    """Answer that there is no such name."""
    reply = say(question)
    reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply


def addresses(question: dns.message.Message, found: Sequence[str]) -> dns.message.Message:
    """Answer with those of the addresses that are of the kind that is asked for."""
    name, kind = name_and_type(question)
    records = [(name, "AAAA" if ":" in address else "A", address) for address in found]
    return say(question, *(record for record in records if record[1] == kind))


def zone_of(names: Mapping[str, Sequence[str]]) -> Zone:
    """Make a zone of addresses by name; of any other name, and of one without addresses, there is nothing."""

    def zone(question: dns.message.Message) -> dns.message.Message:
        found = names.get(name_and_type(question)[0])
        return addresses(question, found) if found else no_such_name(question)

    return zone


@contextmanager
def dns_server(zone: Zone) -> Iterator[StubDns]:
    """Serve a zone over UDP on a free port of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        server = StubDns(listener.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listener, server, zone))
        thread.start()
        try:
            yield server
        finally:
            listener.sendto(b"", listener.getsockname())
            thread.join()


def _serve(listener: socket.socket, server: StubDns, zone: Zone) -> None:
    while True:
        data, sender = listener.recvfrom(65_535)
        if not data:
            return
        question = dns.message.from_wire(data)
        server.asked.append(name_and_type(question))
        reply = zone(question)
        if reply is not None:
            listener.sendto(reply.to_wire(), sender)
