"""Where a painting stands, taken down and taken up again."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from service.errors import StaleCheckpoint
from service.painting import BeforeAfter, Checkpoint, Losses, Picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from workers.painter.optimise import Memory, Point


@dataclass(slots=True)
class Tally:
    """What is done and what is to be done, over all scales and rungs.

    Attributes:
        name: of the picture that is being painted.
        of: iterations in all.
        done: iterations so far.
        pictures: that are finished, by name.
        losses: of these.
    """

    of: int
    done: int = 0
    name: str = ""
    pictures: dict[str, Picture] = field(default_factory=dict)
    losses: dict[str, BeforeAfter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where in one picture an optimiser stands.

    Attributes:
        name: of the picture.
        scale: its longest side in pixels.
        iteration: at this scale.
        recent: the losses that a tolerance looks back over.
        image: `(1, 3, H, W)` float32, on the CPU.
        memory: what the optimiser has learnt, on the CPU.
    """

    name: str
    scale: int
    iteration: int
    recent: list[float]
    image: Tensor
    memory: Memory


def taken_down(tally: Tally, point: Point, *, scale: int, iteration: int, recent: Iterable[float]) -> Checkpoint:
    """Take off the device where a painting stands."""
    arrays = {f"memory.{key}": _array(value) for key, value in point.memory().items()}
    arrays["image"] = _array(point.image)
    for finished, picture in tally.pictures.items():
        arrays[f"pixels.{finished}"] = picture.pixels
        if picture.matte is not None:
            arrays[f"matte.{finished}"] = picture.matte
    position = {
        "name": tally.name,
        "scale": scale,
        "iteration": iteration,
        "recent": list(recent),
        "done": tally.done,
        "of": tally.of,
        "losses": {finished: asdict(losses) for finished, losses in tally.losses.items()},
    }
    return Checkpoint(arrays, position)


def taken_up(checkpoint: Checkpoint) -> tuple[Tally, Place]:
    """Read a checkpoint.

    Raises:
        StaleCheckpoint: something is not in it.
    """
    arrays, at = checkpoint.arrays, checkpoint.position
    try:
        losses = {
            name: BeforeAfter(*(Losses(**both[side]) for side in ("before", "after")))
            for name, both in at["losses"].items()
        }
        pictures = {name: Picture(arrays[f"pixels.{name}"], arrays.get(f"matte.{name}")) for name in losses}
        memory = {
            key.removeprefix("memory."): torch.from_numpy(array)
            for key, array in arrays.items()
            if key.startswith("memory.")
        }
        place = Place(at["name"], at["scale"], at["iteration"], at["recent"], torch.from_numpy(arrays["image"]), memory)
        return Tally(at["of"], at["done"], at["name"], pictures, losses), place
    except (KeyError, TypeError) as error:
        raise StaleCheckpoint(f"The checkpoint lacks {error}.") from error


def on(device: torch.device, memory: Memory) -> Mapping[str, Tensor]:
    """Put what an optimiser has learnt onto a device."""
    return {name: value.to(device) for name, value in memory.items()}


def _array(tensor: Tensor) -> NDArray[Any]:
    """Copy a tensor off the device: the optimiser goes on with the original while this one is stored."""
    return tensor.detach().cpu().numpy().copy()
