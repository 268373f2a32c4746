from __future__ import annotations

import json
from pathlib import Path

from openapi_spec_validator import validate

from api.app import create_app
from service.settings import Settings
from service.wiring import open_services

COMMITTED = Path(__file__).parents[2] / "docs/openapi.json"


def test_the_committed_description_is_the_codes_own() -> None:
    with open_services(Settings()) as services:
        assert create_app(services).openapi() == json.loads(COMMITTED.read_text()), "run `make openapi`"


def test_the_description_is_valid_openapi() -> None:
    validate(json.loads(COMMITTED.read_text()))
