"""`impasto measure`: how much of the photograph and of the painting is in a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.errors import SetupError
from service.terminal import AsJson, print_json
from workers.files import read_picture

if TYPE_CHECKING:
    from service.painting import Pixels

TITLES = {
    "lpips_to_content": "LPIPS to the photograph      ",
    "gram_distance_to_style": "Gram distance to the painting",
}

Result = Annotated[Path, typer.Argument(help="The picture.", exists=True, dir_okay=False)]
Content = Annotated[
    Path | None, typer.Option(help="The photograph that it was made from.", exists=True, dir_okay=False)
]
StyleFile = Annotated[Path | None, typer.Option("--style", help="The painting.", exists=True, dir_okay=False)]


def measure(result: Result, content: Content = None, style: StyleFile = None, as_json: AsJson = False) -> None:
    """Measure a picture by AlexNet, a network that was not optimised.

    LPIPS says how unlike the photograph it looks, the Gram distance how far its style is from the painting's.

    Example: impasto measure out.png --content photo.jpg --style painting.jpg
    """
    from workers.painter.measure import gram_distance, lpips  # noqa: PLC0415 - torch takes seconds to import

    if content is None and style is None:
        raise SetupError("Give --content, --style, or both: what the picture is to be compared with.")
    pixels, found = read_picture(result).pixels, {}
    if content is not None:
        found["lpips_to_content"] = lpips(pixels, _fitted(read_picture(content).pixels, pixels))
    if style is not None:
        found["gram_distance_to_style"] = gram_distance(pixels, read_picture(style).pixels)
    if as_json:
        print_json(found)
    else:
        for name, value in found.items():
            typer.echo(f"{TITLES[name]}  {value:.4f}  (lower is closer; 0: the same)")


def _fitted(pixels: Pixels, like: Pixels) -> Pixels:
    """Scale a picture to another's size the way the painter does, and keep 16 bits of it."""
    from workers.painter.images import resized, to_pixels  # noqa: PLC0415 - the same

    return to_pixels(resized(pixels, (like.shape[1], like.shape[0])), bits=16)
