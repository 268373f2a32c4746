"""`/v1/capabilities`: what can be asked for here."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from api.deps import Reader, TheServices
from api.wire.capabilities import CapabilitiesOut
from service.capabilities import capabilities

router = APIRouter(prefix="/v1/capabilities", tags=["service"])


@router.get("", summary="What can be asked for")
def get_capabilities(_: Reader, services: TheServices) -> CapabilitiesOut:
    """Name the networks with their layers, the presets and the limits, and count the workers."""
    return CapabilitiesOut(**asdict(capabilities(services=services)))
