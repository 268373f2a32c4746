"""What can be asked for here: networks and their layers, presets, limits; and who is at work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import service
from service.networks import NETWORKS
from service.options import ANCHORED_LAYERS, PRESETS
from service.pace import devices_of
from service.spec import MAX_LABELS, MAX_REGIONS, MAX_STYLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.wiring import Services


@dataclass(frozen=True, slots=True)
class DeviceCount:
    """A kind of device, and how many workers paint on one."""

    name: str
    memory_bytes: int
    workers: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a client may rely on.

    Attributes:
        version: of the service.
        networks: by name, their layers from shallow to deep.
        content_layers: the default ones, with their weights.
        presets: by name, the options that they set.
        limits: by name; pixels, bytes, seconds or counts, as their names say.
        workers: how many are at work.
        devices: that they paint on.
    """

    version: str
    networks: Mapping[str, list[str]]
    content_layers: Mapping[str, float]
    presets: Mapping[str, Mapping[str, Any]]
    limits: Mapping[str, float]
    workers: int
    devices: Sequence[DeviceCount]


def capabilities(*, services: Services) -> Capabilities:
    """Say what can be asked for.

    Raises:
        JobStoreUnavailable: Redis, which knows the workers, is out of reach.
    """
    settings, workers = services.settings, services.paces.workers()
    devices = [worker.device for worker in workers]
    return Capabilities(
        version=service.__version__,
        networks={name: list(network.layers) for name, network in NETWORKS.items()},
        content_layers=dict(ANCHORED_LAYERS),
        presets={name: dict(options) for name, options in PRESETS.items()},
        limits={
            "size_pixels": settings.size_max,
            "image_pixels": settings.image_max_pixels,
            "image_side_pixels": settings.image_max_side,
            "image_aspect": settings.image_max_aspect,
            "body_bytes": settings.upload_max_bytes,
            "run_timeout_s": settings.run_max_s,
            "upload_ttl_s": settings.upload_ttl_s,
            "styles": MAX_STYLES,
            "regions": MAX_REGIONS,
            "labels": MAX_LABELS,
        },
        workers=len(workers),
        devices=[
            DeviceCount(device.name, device.memory_bytes, devices.count(device)) for device in devices_of(workers)
        ],
    )
