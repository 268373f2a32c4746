"""What no log may hold, taken out of whatever is about to be written to one.

Nothing that is logged on purpose has a secret in it. This is the second line, for what the texts of errors bring along.
"""

from __future__ import annotations

import re

HIDDEN = "[hidden]"

_VALUE = r"[^\s&\"'`<>\\]+"
_BETWEEN = r"\\?[\"']?\s*(?:[=:,]|%3D)\s*(?:b(?=[\"']))?\\?[\"']?"
"""Between a name and its value: in a query, a header, a dictionary, JSON within JSON."""

_KNOWN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(imp_[0-9a-f]{12}_)[A-Za-z0-9_-]+"), rf"\1{HIDDEN}"),  # the id of a key is no secret
    (re.compile(r"(whsec_)[A-Za-z0-9+/=_-]+"), rf"\1{HIDDEN}"),
    (re.compile(rf"(authorization{_BETWEEN})[^\"'`\\\r\n]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(rf"(X-Amz-(?:Signature|Credential|Security-Token){_BETWEEN}){_VALUE}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(://)[^\s/?#\"'`@]+@"), rf"\1{HIDDEN}@"),
)


def redacted(text: str) -> str:
    """Hide API keys but for their ids, webhooks' secrets, credentials in headers and URLs, and S3's signatures."""
    for secret, shown in _KNOWN:
        text = secret.sub(shown, text)
    return text
