"""Webhooks are verified as the official package signs them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from api.client import WebhookInvalid, verify_webhook

SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
OLD = "whsec_" + base64.b64encode(b"another secret of twenty-four").decode()
BODY = '{"type": "job.succeeded", "timestamp": "2026-11-23T20:15:02.317Z", "data": {"id": "j", "mood": "é"}}'
NOW = 1_780_000_000


def signed(*secrets: str, body: str = BODY, at: float = NOW) -> dict[str, str]:
    """Sign as the service does: one signature for each secret that is valid."""
    signatures = [Webhook(each).sign("msg_1", datetime.fromtimestamp(at, UTC), body) for each in secrets]
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(at)), "webhook-signature": " ".join(signatures)}


def test_what_the_official_package_signs_is_taken() -> None:
    event = verify_webhook(signed(SECRET), BODY.encode(), SECRET, now=NOW)
    assert (event.type, event.data["id"], event.timestamp.year) == ("job.succeeded", "j", 2026)


def test_the_clock_is_asked_and_agrees_with_the_official_package() -> None:
    headers = signed(SECRET, at=datetime.now(UTC).timestamp())
    assert verify_webhook(headers, BODY.encode(), SECRET).data == Webhook(SECRET).verify(BODY, headers)["data"]


def test_names_of_headers_may_be_in_any_case() -> None:
    headers = {name.title(): value for name, value in signed(SECRET).items()}
    assert verify_webhook(headers, BODY.encode(), SECRET, now=NOW).type == "job.succeeded"


def test_while_secrets_change_both_are_taken() -> None:
    """The service signs with both; or the receiver knows both already."""
    assert verify_webhook(signed(OLD, SECRET), BODY.encode(), SECRET, now=NOW).data["id"] == "j"
    assert verify_webhook(signed(SECRET), BODY.encode(), [OLD, SECRET], now=NOW).data["id"] == "j"


def test_signatures_of_other_versions_are_passed_by() -> None:
    headers = signed(SECRET)
    headers["webhook-signature"] = f"v1a,AAAA v2,zz {headers['webhook-signature']}"
    assert verify_webhook(headers, BODY.encode(), SECRET, now=NOW).data["id"] == "j"


@pytest.mark.parametrize("off", [-300, 300])
def test_five_minutes_are_forgiven(off: int) -> None:
    assert verify_webhook(signed(SECRET, at=NOW + off), BODY.encode(), SECRET, now=NOW).data["id"] == "j"


@pytest.mark.parametrize(
    ("headers", "body", "secret"),
    [
        (signed(SECRET), BODY + " ", SECRET),
        (signed(SECRET), BODY, OLD),
        (signed(SECRET), BODY, []),
        (signed(SECRET), BODY, "whsec_"),
        (signed(SECRET), BODY, "whsec_é"),
        (signed(SECRET), BODY, [SECRET, ""]),
        (signed(SECRET, at=NOW - 301), BODY, SECRET),
        (signed(SECRET, at=NOW + 301), BODY, SECRET),
        (signed(SECRET) | {"webhook-id": "msg_2"}, BODY, SECRET),
        (signed(SECRET) | {"webhook-timestamp": str(NOW + 1)}, BODY, SECRET),
        (signed(SECRET) | {"webhook-timestamp": "soon"}, BODY, SECRET),
        (signed(SECRET) | {"webhook-timestamp": "9" * 5000}, BODY, SECRET),
        (signed(SECRET) | {"webhook-timestamp": "¹"}, BODY, SECRET),
        (signed(SECRET) | {"webhook-signature": ""}, BODY, SECRET),
        (signed(SECRET) | {"webhook-signature": "v1,é v1, v1"}, BODY, SECRET),
        ({"webhook-id": "msg_1"}, BODY, SECRET),
        (signed(SECRET, body="[]"), "[]", SECRET),
        (signed(SECRET, body="{"), "{", SECRET),
    ],
)
def test_all_else_is_refused(headers: dict[str, str], body: str, secret: str | list[str]) -> None:
    with pytest.raises(WebhookInvalid):
        verify_webhook(headers, body.encode(), secret, now=NOW)


def test_the_official_package_refuses_what_we_refuse() -> None:
    headers = signed(SECRET, at=datetime.now(UTC).timestamp() - 301)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY, headers)
    with pytest.raises(WebhookInvalid):
        verify_webhook(headers, BODY.encode(), SECRET)
