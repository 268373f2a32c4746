"""A finding: what was looked at, the verdict, the fact behind it, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

_HOSTS = re.compile(r"((\[[0-9a-f:.]+\]|[\w.-]+)(:\d+)?,?)+", re.IGNORECASE)


class Verdict(StrEnum):
    """How it stands; the order is that of urgency."""

    WRONG = "wrong"
    WARNING = "warning"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        name: what was looked at, one word or two with a dot; stable, for programs.
        verdict: wrong: jobs are lost, refused or not done; warning: they soon may be.
        fact: a sentence. It holds no password and no key.
        advice: what to do, a sentence; empty where all is well.
    """

    name: str
    verdict: Verdict
    fact: str
    advice: str = ""


def ok(name: str, fact: str) -> Finding:
    """Find that all is well."""
    return Finding(name, Verdict.OK, fact)


def warning(name: str, fact: str, advice: str) -> Finding:
    """Find what will do harm if nobody minds it."""
    return Finding(name, Verdict.WARNING, fact, advice)


def wrong(name: str, fact: str, advice: str) -> Finding:
    """Find what does harm now."""
    return Finding(name, Verdict.WRONG, fact, advice)


def place(url: str, *, otherwise: str) -> str:
    """Say of an address what may be shown: host and port, or the path of a socket.

    Args:
        url: it may hold a user and a password, even one that isn't quoted as it should be.
        otherwise: what is said where the URL can't be read for sure.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return otherwise
    if "@" in parts.path + parts.query + parts.fragment:  # a password with a slash in it, say
        return otherwise
    hosts = parts.netloc.rpartition("@")[2]
    if not hosts and parts.scheme == "unix":
        return parts.path
    return hosts if _HOSTS.fullmatch(hosts) else otherwise


def many(count: int, noun: str) -> str:
    """Count in words: `no jobs`, `1 job`, `2 jobs`."""
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
