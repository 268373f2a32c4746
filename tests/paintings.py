"""Paintings for tests, in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from service.painting import Checkpoint, Images, Losses, Painting, Picture, Step
from tests.specs import resolved
from workers.painter.paint import paint


def painted(
    images: Images, *, seen: Callable[[Step], object] = lambda _: None, **wish: Any
) -> tuple[list[Step], Painting]:
    """Paint; give every Step, each of which `seen` was shown while it was current, and the Painting."""
    steps: list[Step] = []
    painting = paint(resolved(images, **wish), images)
    while True:
        try:
            step = next(painting)
        except StopIteration as end:
            return steps, end.value
        seen(step)
        steps.append(step)


def pair(content: Picture, style: Picture) -> dict[str, Picture]:
    """Name the images of a transfer."""
    return {"/content": content, "/styles/0/image": style}


def flat(losses: Losses) -> dict[str, float]:
    """Write losses as one mapping, for comparison."""
    layers = {f"content {layer}": term for layer, term in losses.content_layers.items()}
    layers |= {f"style {layer}": term for layer, term in losses.style_layers.items()}
    return {"total": losses.total, "content": losses.content, "style": losses.style, "tv": losses.tv, **layers}


def no_checkpoint() -> Checkpoint:
    """For steps whose checkpoint nobody asks for."""
    return Checkpoint({}, {})
