"""Gram matrices for themselves: as numbers and as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from service.painting import Picture
from service.plan import canvas
from workers.painter.gram_pictures import gram_picture, gram_sheet
from workers.painter.images import opaque
from workers.painter.losses import wide
from workers.painter.targets import named
from workers.painter.vgg import activations

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from service.painting import Images
    from service.spec import RenderSpec
    from workers.painter.vgg import Vgg


@torch.no_grad()
def gram_matrices(vgg: Vgg, spec: RenderSpec, images: Images, device: torch.device) -> dict[str, NDArray[np.float32]]:
    """Take the Gram matrix of each style layer, `(C, C)`: V Vᵀ, and over N for the normalization `mean`."""
    size = canvas(spec, images, spec.options.size)
    image = opaque(images["/image"], size, spec.output.background or "#ffffff").to(device)
    found = {}
    for layer, seen in activations(vgg, image, named(spec.options.style_layers)).items():
        v = wide(seen).flatten(2)[0]
        gram = v @ v.T / (v.shape[1] if spec.options.normalization == "mean" else 1)
        found[layer] = gram.cpu().numpy()
    return found


def gram_pictures(grams: Mapping[str, NDArray[np.float32]]) -> dict[str, Picture]:
    """Show all matrices on one sheet, and each as a picture of C × C pixels."""
    parts = {f"result.{layer}": Picture(gram_picture(gram)) for layer, gram in grams.items()}
    return {"result": Picture(gram_sheet(grams))} | parts
