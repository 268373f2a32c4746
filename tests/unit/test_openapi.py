from __future__ import annotations

import json
from pathlib import Path

from openapi_spec_validator import validate

from api.app import create_app
from api.examples import BODIES, PARAMETERS
from api.wire.key import KeyIn
from api.wire.upload import UploadDirect
from api.wire.webhook import WebhookIn
from service.batch_spec import parse_batch, posted_jobs
from service.resolve import resolve
from service.settings import Settings
from service.spec import parse_spec
from service.styles import parse_style
from service.wiring import open_services

COMMITTED = Path(__file__).parents[2] / "docs/openapi.json"


def test_the_committed_description_is_the_codes_own() -> None:
    with open_services(Settings()) as services:
        assert create_app(services).openapi() == json.loads(COMMITTED.read_text()), "run `make openapi`"


def test_the_description_is_valid_openapi() -> None:
    validate(json.loads(COMMITTED.read_text()))


def test_every_parameter_and_every_body_has_an_example_that_is_valid() -> None:
    description = json.loads(COMMITTED.read_text())
    resolve(parse_spec(BODIES["POST /v1/jobs"]))
    assert posted_jobs(parse_batch(BODIES["POST /v1/batches"]))
    parse_style(BODIES["POST /v1/styles"])
    WebhookIn.model_validate(BODIES["POST /v1/webhooks"])
    KeyIn.model_validate(BODIES["POST /v1/keys"])
    UploadDirect.model_validate(BODIES["POST /v1/uploads"])
    used = set()
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            used |= {parameter["name"].lower() for parameter in operation.get("parameters", ())}
            if "requestBody" in operation:
                assert operation["requestBody"]["content"]["application/json"]["example"]
                used.add(f"{method.upper()} {path}")
    assert used == {*BODIES, *PARAMETERS}
