"""Ladders: one picture for each layer, side by side, so that one sees what the layers hold.

The rungs of a texture add up, relu1_1, then relu1_1 and relu2_1, and so on, as in Gatys, Ecker & Bethge, "Texture
Synthesis Using Convolutional Neural Networks", NIPS 2015, figure 2: with each layer more of the style is there. Those
of a reconstruction stand alone, as in figure 1 of their CVPR 2016 paper: each layer knows less of the photograph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.networks import NETWORKS
from service.painting import Picture
from service.sheet import contact_sheet
from workers.painter.images import opaque, to_pixels
from workers.painter.targets import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.options import LayerWeights
    from service.painting import Images, Pixels
    from service.spec import RenderSpec


WIDEST, SPACED = 15_000, 2
"""Pixels of a sheet, of which WebP can hold 16383; a picture and the space around it are as wide as two at most."""


def rungs(spec: RenderSpec) -> dict[str, RenderSpec]:
    """Give the specs of single pictures that a resolved spec stands for, by the names of their outputs."""
    if not spec.ladder:
        return {"result": spec}
    field = "style_layers" if spec.kind == "texture" else "content_layers"
    chosen = named(getattr(spec.options, field))
    layers = {layer: chosen[layer] for layer in NETWORKS[spec.options.network].layers if layer in chosen}
    return {
        f"result.{layer}": spec.model_copy(
            update={"ladder": False, "options": spec.options.model_copy(update={field: _up_to(layer, layers, spec)})}
        )
        for layer in layers
    }


def _up_to(layer: str, layers: LayerWeights, spec: RenderSpec) -> LayerWeights:
    if spec.kind == "reconstruction":
        return {layer: layers[layer]}
    order = list(layers)
    return {name: layers[name] for name in order[: order.index(layer) + 1]}


def contact(spec: RenderSpec, images: Images, pictures: Mapping[str, Picture]) -> Picture:
    """Lay the pictures of a ladder side by side, after the image that they were made from; on paper where transparent.

    They are made smaller where the sheet would be wider than any format can hold.
    """
    leading = images["/content" if spec.kind == "reconstruction" else "/styles/0/image"]
    paper = spec.output.background or "#ffffff"
    first = next(iter(pictures.values()))
    height = min(first.height, WIDEST * first.height // (SPACED * (len(pictures) + 1) * first.width) or 1)

    def shown(picture: Picture) -> Pixels:
        return to_pixels(opaque(picture, (max(1, round(picture.width * height / picture.height)), height), paper))

    up_to = "" if spec.kind == "reconstruction" else "up to "
    columns = [("original", shown(leading))]
    columns += [(f"{up_to}{name.removeprefix('result.')}", shown(picture)) for name, picture in pictures.items()]
    return Picture(contact_sheet(columns))
