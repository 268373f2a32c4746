"""The pictures of docs/painting.md, painted anew: `make gallery`, or `python docs/gallery.py NAME…` for some of them.

Everything is made from the demo's photograph and from paintings by the project's own generator.
"""

from __future__ import annotations

import json
import sys
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from api.demo.canvas import paint_canvas
from api.demo.photo import photograph
from api.demo.pigments import PALETTES
from service.delivery import files, film_of
from service.options import PRESETS
from service.painting import Images, Painting, Picture, Pixels
from service.resolve import resolve
from service.settings import read_settings
from service.sheet import contact_sheet
from service.spec import RenderSpec, parse_spec, place_image
from workers.painter.device import configure
from workers.painter.measure import gram_distance, lpips
from workers.painter.paint import paint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

HERE = Path(__file__).parent
PICTURES = HERE / "images" / "gallery"
DRAFT, LARGE = {"size": 256, "iterations": 50}, {"size": 512, "iterations": 40}


class Cell(NamedTuple):
    """One picture of a strip: its label, what it is made from, and what its spec says."""

    label: str
    images: Images
    wish: dict[str, Any]


@cache
def photo(longest: int = 640) -> Picture:
    """Give the demo's photograph."""
    image = photograph()
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return Picture(np.asarray(image))


@cache
def canvas(palette: str) -> Picture:
    """Give a painting of our own, 768 × 576."""
    return Picture(np.asarray(paint_canvas(1, 768, 576, PALETTES[palette])))


def mask(where: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]]) -> Picture:
    """Draw a mask for the photograph from its x and y in 0..1, with edges as soft as a brush's."""
    height, width = photo().height, photo().width
    y, x = np.mgrid[0:height, 0:width]
    chosen = where(x / width, y / height).astype(float)
    chosen = gaussian_filter(chosen, 8)
    return Picture(np.repeat((chosen * 255).round().astype(np.uint8)[..., None], 3, axis=2))


def sky(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say what of the photograph is sky: above the hills, and not the pagoda."""
    return (y < 0.55) & ~((np.abs(x - 0.42) < 0.2) & (y > 0.1))


def pair(style: str = "dusk") -> dict[str, Picture]:
    """Name the photograph and a painting."""
    return {"/content": photo(), "/styles/0/image": canvas(style)}


def alone(style: str) -> dict[str, Picture]:
    """Name a painting and nothing else."""
    return {"/styles/0/image": canvas(style)}


def varied(field: str, *values: object, **more: Any) -> list[Cell]:
    """Vary one option of a transfer."""
    return [Cell(f"{value}", pair(), {"options": {**DRAFT, **more, field: value}}) for value in values]


def strips() -> dict[str, list[Cell]]:
    """List every strip: its name, and its cells from left to right."""
    two = {**pair(), "/styles/1/image": canvas("tide")}
    upper, lower = mask(sky), mask(lambda x, y: ~sky(x, y))
    regions = {**two, "/regions/0/content_mask": upper, "/regions/1/content_mask": lower}
    cover = mask(lambda x, y: (x - 0.5) ** 2 / 0.2 + (y - 0.5) ** 2 / 0.2 < 1).pixels[..., 0]
    oval = {"/content": Picture(photo().pixels, cover), "/styles/0/image": canvas("dusk")}
    one_layer = {"relu1_1": {"relu1_1": 1e4}, "relu3_1": {"relu3_1": 100.0}, "relu5_1": {"relu5_1": 250.0}}
    return {
        "styles": [Cell(name, pair(name), {"options": DRAFT}) for name in PALETTES],
        "weights": [
            Cell(f"style_weight {w:g}", pair(), {"options": {**DRAFT, "style_weight": w}}) for w in (0.001, 0.03, 1)
        ],
        "tv": varied("tv_weight", 0, 300, 3000),
        "content_layers": [
            Cell(layer, pair(), {"options": {**DRAFT, "content_layers": {layer: weight}}})
            for layer, weight in (("relu2_2", 10.0), ("relu4_2", 30.0), ("relu5_2", 300.0))
        ],
        "style_layers": [
            Cell(f"{name} alone", pair(), {"options": {**DRAFT, "style_layers": layers}})
            for name, layers in one_layer.items()
        ],
        "style_distance": varied("style_distance", "gram", "mean_std", "gaussian_w2", "sliced_wasserstein"),
        "normalization": varied("normalization", "mean", "gatys", "sum"),
        "blend": [
            Cell(f"dusk {a} : {b} tide", two, {"options": DRAFT, "styles": [{"weight": a}, {"weight": b}]})
            for a, b in ((9, 1), (1, 1), (1, 9))
        ],
        "scale": [Cell(f"scale {s:g}", pair(), {"options": DRAFT, "styles": [{"scale": s}]}) for s in (0.5, 1, 2)],
        "regions": [
            Cell("mask of region 0", {}, {"shown": upper}),
            Cell("each region its style", regions, {"options": DRAFT, "regions": [{"style": 0}, {"style": 1}]}),
            Cell("and the other way", regions, {"options": DRAFT, "regions": [{"style": 1}, {"style": 0}]}),
        ],
        "preserve_color": varied("preserve_color", "none", "luminance", "histogram", "oklab_low_frequency"),
        "init": [
            *varied("init", "content", "noise", "style_statistics", content_weight=5),
            Cell("image", {**pair(), "/init_image": fitted("tide")}, {"options": {**DRAFT, "content_weight": 5}}),
        ],
        "seed": varied("seed", 0, 1, 2, init="noise", content_weight=2),
        "iterations": varied("iterations", 5, 15, 50, 150),
        "optimizer": varied("optimizer", "lbfgs", "adam"),
        "pyramid": [
            Cell(f"pyramid {sizes}", alone("dusk"), {"kind": "texture", "options": {**LARGE, "pyramid": sizes}})
            for sizes in ([], [128, 256])
        ],
        "pooling": varied("pooling", "max", "avg"),
        "padding": varied("padding", "replicate", "zeros"),
        "transparent": [
            Cell("a photograph with a matte", {}, {"shown": on_paper(oval["/content"])}),
            Cell("painted", oval, {"options": DRAFT}),
        ],
        "texture": [Cell(name, alone(name), {"kind": "texture", "options": DRAFT}) for name in PALETTES],
    }  # fmt: skip


def fitted(palette: str) -> Picture:
    """Cut a painting to the photograph's aspect ratio."""
    pixels = canvas(palette).pixels
    return Picture(np.ascontiguousarray(pixels[: round(pixels.shape[1] * photo().height / photo().width)]))


def on_paper(picture: Picture) -> Picture:
    """Show what is transparent as a chequerboard."""
    if picture.matte is None:
        return picture
    y, x = np.mgrid[0 : picture.height, 0 : picture.width] // max(8, picture.width // 40)
    board = np.where((x + y) % 2 == 0, 255, 215)[..., None]
    cover = picture.matte[..., None] / 255
    return Picture((picture.pixels * cover + board * (1 - cover)).round().astype(np.uint8))


def painted(images: Images, wish: Mapping[str, Any]) -> tuple[RenderSpec, Painting, bytes | None]:
    """Paint; give the resolved spec, the painting, and the film if there is one."""
    data = {"kind": "transfer", **json.loads(json.dumps(wish))}
    for pointer in images:
        place_image(data, pointer, {"upload_id": "0"})
    spec = resolve(parse_spec(data))
    film, steps = film_of(spec), paint(spec, images)
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            painting: Painting = end.value
            made = {file.name: file.data for file in files(painting, spec.output, film)}
            return spec, painting, made.get("timelapse")
        if film is not None:
            film.watch(step)


def strip(cells: list[Cell]) -> Pixels:
    """Paint the cells of a strip and lay them side by side."""
    columns = []
    for cell in cells:
        shown = cell.wish.get("shown") or painted(cell.images, cell.wish)[1].pictures["result"]
        columns.append((cell.label, thumbnail(on_paper(shown).pixels)))
    return contact_sheet(columns)


def save_strip(name: str, cells: list[Cell]) -> None:
    """Paint and keep one strip."""
    save(name, strip(cells))


def thumbnail(pixels: Pixels, height: int = 192) -> Pixels:
    """Scale a picture to a height in pixels."""
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((round(image.width * height / image.height), height), Image.Resampling.LANCZOS))


def save_sheets() -> None:
    """Paint the sheets that the service itself makes: ladders and Gram matrices."""
    ladder = {"ladder": True, "options": {"size": 256, "iterations": 80}}
    save("reconstruction_ladder", sheet({"/content": photo()}, {"kind": "reconstruction", **ladder}))
    save("texture_ladder", sheet(alone("dusk"), {"kind": "texture", **ladder}))
    save("gram", sheet({"/image": canvas("dusk")}, {"kind": "gram"}))


def sheet(images: Images, wish: Mapping[str, Any]) -> Pixels:
    """Paint one sheet."""
    return painted(images, wish)[1].pictures["result"].pixels


def presets() -> None:
    """Paint every preset on the demo's pair, measure the pictures, and write the table into painting.md."""
    columns, rows = [], []
    for name in PRESETS:
        spec, painting, _ = painted(pair(), {"preset": name})
        pixels = painting.pictures["result"].pixels
        content = np.asarray(Image.fromarray(photo().pixels).resize(pixels.shape[1::-1], Image.Resampling.LANCZOS))
        to_content, to_style = lpips(pixels, content), gram_distance(pixels, canvas("dusk").pixels)
        columns.append((name, thumbnail(pixels, 256)))
        size, iterations = spec.options.size, painting.iterations
        rows.append(f"| `{name}` | {size} | {iterations} | {to_content:.3f} | {to_style:.3f} |")
    save("presets", contact_sheet(columns))
    page = HERE / "painting.md"
    before, _, rest = page.read_text().partition("<!-- measures -->\n")
    _, _, after = rest.partition("<!-- /measures -->")
    head = [
        "| preset | size | iterations | LPIPS to the photograph | Gram distance to the painting |",
        "|---|---|---|---|---|",
    ]
    table = "\n".join(["<!-- measures -->", *head, *rows, "<!-- /measures -->"])
    page.write_text(before + table + after)


def timelapse() -> None:
    """Film a painting."""
    film = {"format": "webp", "seconds": 4, "size": 320}
    _, _, data = painted(pair(), {"options": {**DRAFT, "size": 320}, "output": {"timelapse": film}})
    (PICTURES / "timelapse.webp").write_bytes(data or b"")


def save(name: str, pixels: Pixels) -> None:
    """Save a picture for the page: WebP, for there are many."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=82, method=6)
    (PICTURES / f"{name}.webp").write_bytes(file.getvalue())


def main(names: list[str]) -> None:
    """Paint the strips, sheets, the film and the presets; or of them only those that are named."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    configure(read_settings().torch_threads)
    parts: dict[str, Callable[[], None]] = {name: partial(save_strip, name, cells) for name, cells in strips().items()}
    parts |= {"sheets": save_sheets, "timelapse": timelapse, "presets": presets}
    for name in names or parts:
        parts[name]()
        print(name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
