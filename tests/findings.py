"""What a doctor has found, in the forms that tests compare."""

from __future__ import annotations

from collections.abc import Iterable

from service.checks.finding import Finding, Verdict


def named(findings: Iterable[Finding], name: str) -> Finding:
    """Give the one finding of that name."""
    (finding,) = [finding for finding in findings if finding.name == name]
    return finding


def amiss(findings: Iterable[Finding]) -> dict[str, str]:
    """Give the verdict of whatever is not well, by name; it must come with advice."""
    bad = [finding for finding in findings if finding.verdict != Verdict.OK]  # a word of JSON is compared too
    assert all(finding.advice.endswith(".") for finding in bad)
    return {finding.name: str(finding.verdict) for finding in bad}
