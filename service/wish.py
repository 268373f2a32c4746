"""What the command line can say of a painting: one set of flags for every command that paints."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.errors import FieldProblem, InvalidSpec, SetupError
from service.named import FORMATS, STORED, URLS, Many, file_at, is_folder, many_of
from service.spec import place_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FILMS = {".mp4": "mp4", ".webp": "webp"}

Pictures = Annotated[
    list[str],
    typer.Argument(
        metavar="PHOTO PAINTING...",
        help="The photograph, then paintings. A texture takes paintings alone, a reconstruction a photograph, "
        "gram an image. Files; for submit also URLs, style:ID for a painting that the service keeps, and folders of "
        "photographs and of paintings.",
        show_default=False,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "-o", "--out", help="Where the picture goes: .png, .jpg, .webp or .tif; of many pictures, the folder."
    ),
]
Kind = Annotated[str, typer.Option(help="transfer, texture, reconstruction or gram.")]
Preset = Annotated[str, typer.Option(help="draft, standard or fine.")]
Size = Annotated[int | None, typer.Option(help="Longest side, in pixels.")]
Iterations = Annotated[int | None, typer.Option(help="How long to paint.")]
ContentWeight = Annotated[float | None, typer.Option(help="α: above 1 more of the photograph, below 1 less.")]
StyleWeight = Annotated[float | None, typer.Option(help="β: above 1 more of the painting, below 1 less.")]
Seed = Annotated[int | None, typer.Option(help="Of every random number.")]
MoreOptions = Annotated[
    list[str] | None,
    typer.Option("-O", "--option", metavar="NAME=VALUE", help="Any other option of the spec, its value as JSON."),
]
Ladder = Annotated[bool, typer.Option("--ladder", help="Of a texture or reconstruction: a picture for each layer.")]
Blend = Annotated[
    list[float] | None, typer.Option(metavar="SHARE", help="A painting's share among several; once for each.")
]
Scale = Annotated[
    list[float] | None, typer.Option(metavar="FACTOR", help="How wide a painting's strokes become; once for each.")
]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="MASK,STYLE[,MASK]",
        help="Where the mask is white, paint in this style, counted from 0; the last mask chooses a part of it.",
    ),
]
InitImage = Annotated[str | None, typer.Option(help="The image that the painting starts from.")]
Film = Annotated[Path | None, typer.Option("--timelapse", help="Also a film of it, at this place: .mp4 or .webp.")]
Quality = Annotated[int | None, typer.Option(help="Of JPEG and WebP, 1 to 100.")]
Bits = Annotated[int | None, typer.Option(help="Of a channel: 8, or 16 in PNG and TIFF.")]
Background = Annotated[
    str | None, typer.Option(metavar="#RRGGBB", help="Put behind a transparent photograph before it is painted.")
]


@dataclass(frozen=True, slots=True)
class Wish:
    """A painting as asked for.

    Attributes:
        spec: without the images that are files.
        images: these files, by JSON pointer.
        out: where the picture goes.
        film: where its film goes.
        elsewhere: pointers of the images that are no files, but URLs and styles that a service keeps.
        many: that it is many paintings, of folders; then there are no images.
    """

    spec: dict[str, Any]
    images: dict[str, Path]
    out: Path
    film: Path | None = None
    elsewhere: tuple[str, ...] = ()
    many: Many | None = None

    def place(self, name: str) -> Path:
        """Say where an output goes: the result to `out`, the film to its place, all others beside `out`."""
        if name == "timelapse" and self.film is not None:
            return self.film
        part = name.removeprefix("result").removeprefix(".")
        if not part:
            return self.out
        return self.out.with_name(f"{self.out.stem}.{part}{'' if part.endswith('.npz') else self.out.suffix}")


def wish(
    pictures: Pictures,
    out: Out,
    kind: Kind = "transfer",
    preset: Preset = "standard",
    size: Size = None,
    iterations: Iterations = None,
    content_weight: ContentWeight = None,
    style_weight: StyleWeight = None,
    seed: Seed = None,
    option: MoreOptions = None,
    ladder: Ladder = False,
    blend: Blend = None,
    scale: Scale = None,
    region: Regions = None,
    init_image: InitImage = None,
    timelapse: Film = None,
    quality: Quality = None,
    bits: Bits = None,
    background: Background = None,
) -> Wish:
    """Collect what the flags say.

    Raises:
        InvalidSpec: a flag that can't be read, a name that no format has, or an image that isn't there.
        SetupError: there is no folder for a file.
    """
    options = paint_options(
        option or (),
        size=size,
        iterations=iterations,
        content_weight=content_weight,
        style_weight=style_weight,
        seed=seed,
    )
    many = None
    if any(is_folder(name) for name in pictures):
        given: dict[str, object] = {"--blend": blend, "--scale": scale, "--region": region, "--init-image": init_image}
        given |= {"--ladder": ladder, "--timelapse": timelapse}
        many = many_of(pictures, out, kind, beside=[flag for flag, value in given.items() if value])
    output: dict[str, Any] = {"format": "png" if many else _format(out, FORMATS, "/output/format")}
    output |= {"quality": quality, "bits": bits, "background": background}
    if timelapse is not None:
        output["timelapse"] = {"format": _format(timelapse, FILMS, "/output/timelapse/format")}
    spec = {
        "kind": kind,
        "preset": preset,
        "ladder": ladder,
        "options": options,
        "output": {name: value for name, value in output.items() if value is not None},
    }
    if many is not None:
        return Wish(spec, {}, out, many=many)
    names = _by_kind(kind, pictures)
    spec["styles"] = _styles(len([place for place in names if place.startswith("/styles")]), blend or [], scale or [])
    spec["regions"], masks = _regions(region or ())
    names |= masks | ({"/init_image": init_image} if init_image else {})
    images = {pointer: file_at(name, pointer) for pointer, name in names.items() if not _placed(spec, pointer, name)}
    return Wish(spec, images, out, timelapse, tuple(pointer for pointer in names if pointer not in images))


def with_wish(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all the flags of `wish`, before its own; it is called with the `wish` that they make."""
    flags, own = (inspect.signature(function, eval_str=True) for function in (wish, command))
    others = [parameter for name, parameter in own.parameters.items() if name != "wish"]

    @wraps(command)
    def run(**given: Any) -> None:
        command(wish=wish(**{name: given.pop(name) for name in flags.parameters}), **given)

    parameters = [*flags.parameters.values(), *others]
    vars(run)["__signature__"] = own.replace(parameters=parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del run.__wrapped__
    return run


def paint_options(pairs: Iterable[str], **named: object) -> dict[str, Any]:
    """Collect a spec's `options` from flags that were given and from `name=value` pairs, values as JSON.

    Raises:
        InvalidSpec: a pair without `=`.
    """
    options: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InvalidSpec(FieldProblem("/options", f"{pair!r} is not of the form name=value"))
        try:
            options[name] = json.loads(text)
        except ValueError:
            options[name] = text  # a bare word is a string
    return options


def _format(file: Path, formats: dict[str, str], pointer: str) -> str:
    """Tell a file's format by its name."""
    if not file.absolute().parent.is_dir():
        raise SetupError(f"There is no folder {file.absolute().parent} to write {file.name} to.")
    try:
        return formats[file.suffix.lower()]
    except KeyError:
        known = ", ".join(formats)
        raise InvalidSpec(FieldProblem(pointer, f"{file.name}: the name must end in {known}")) from None


def _by_kind(kind: str, pictures: list[str]) -> dict[str, str]:
    """Say which picture is what. What a kind has no use for is named as one more style, and refused as such."""
    first = {"texture": [], "gram": ["/image"]}.get(kind, ["/content"])
    places = [*first, *(f"/styles/{n}/image" for n in range(len(pictures)))]
    return dict(zip(places, pictures, strict=False))


def _styles(count: int, blend: list[float], scale: list[float]) -> list[dict[str, Any]]:
    for flag, name, given in (("--blend", "weight", blend), ("--scale", "scale", scale)):
        if given and len(given) != count:
            sentence = f"{flag} was given {len(given)} times for {count} paintings"
            raise InvalidSpec(FieldProblem(f"/styles/{min(len(given), count)}/{name}", sentence))
    styles: list[dict[str, Any]] = [{} for _ in range(count)]
    for style, weight in zip(styles, blend, strict=False):
        style["weight"] = weight
    for style, factor in zip(styles, scale, strict=False):
        style["scale"] = factor
    return styles


def _regions(flags: Iterable[str]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    regions: list[dict[str, Any]] = []
    masks: dict[str, str] = {}
    for n, flag in enumerate(flags):
        mask, _, rest = flag.partition(",")
        style, _, style_mask = rest.partition(",")
        if not style.isdigit():
            raise InvalidSpec(
                FieldProblem(f"/regions/{n}", f"{flag!r} is not of the form mask,style or mask,style,mask")
            )
        regions.append({"style": int(style)})
        files = {"content_mask": mask} | ({"style_mask": style_mask} if style_mask else {})
        masks |= {f"/regions/{n}/{side}": name for side, name in files.items()}
    return regions, masks


def _placed(spec: dict[str, Any], pointer: str, name: str) -> bool:
    """Write an image into a spec if it is no file: a URL, or a style that the service keeps. Say whether it was."""
    if name.startswith(URLS):
        place_image(spec, pointer, {"url": name})
        return True
    if not name.startswith(STORED):
        return False
    _, kind, number, *_ = (*pointer.split("/"), "")
    if kind != "styles":
        raise InvalidSpec(FieldProblem(pointer, f"{name}: a stored style stands for a painting alone"))
    spec[kind][int(number)]["style_id"] = name.removeprefix(STORED)
    return True
