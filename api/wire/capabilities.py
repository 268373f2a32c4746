"""The shape of what can be asked for."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class DeviceOut(BaseModel):
    """What workers paint on."""

    name: str
    memory_bytes: int = Field(description="In all.")
    workers: int = Field(description="How many paint on one of these.")


class CapabilitiesOut(BaseModel):
    """What can be asked for here."""

    version: str
    networks: dict[str, list[str]] = Field(description="By name, their layers from shallow to deep.")
    content_layers: dict[str, float] = Field(description="The default ones, with their weights.")
    presets: dict[str, dict[str, Any]] = Field(description="By name, the options that they set.")
    limits: dict[str, float] = Field(description="Pixels, bytes, seconds or counts, as their names say.")
    workers: int = Field(description="How many are at work just now.")
    devices: list[DeviceOut] = Field(description="That they paint on.")
