"""RenderSpec: what a client asks for, as frozen values. HTTP, the queue and the painter share this one definition.

A posted spec may leave almost everything out; `service.resolve` fills it in, so that what is stored, painted and
echoed says every number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_serializer, model_validator

from service.options import Frozen, PaintOptions
from service.validation import validated

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_STYLES = 8
MAX_REGIONS = 8
MAX_LABELS = 16
LABEL_MAX, LABEL_VALUE_MAX = 64, 256
"""Characters of a label's name, and of what it says."""


class ImageRef(Frozen):
    """Where an image comes from: exactly one of the ways."""

    upload_id: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        pattern=r"^[0-9a-f-]+$",
        description="An image from `POST /v1/uploads`.",
    )
    url: str | None = Field(
        None, min_length=1, max_length=2048, repr=False, description="A public https address, fetched within 15 s."
    )
    data: str | None = Field(None, min_length=1, repr=False, description="The file's bytes within the request, base64.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(way is not None for way in (self.upload_id, self.url, self.data)) != 1:
            raise ValueError("give exactly one of upload_id, url and data")
        return self

    @property
    def way(self) -> str:
        """The name of the field that is given."""
        return "upload_id" if self.upload_id is not None else "url" if self.url is not None else "data"

    @model_serializer
    def _the_one(self) -> dict[str, str]:
        return {self.way: getattr(self, self.way)}


class Style(Frozen):
    """A painting whose manner is taken. What is transparent in it does not count."""

    style_id: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        pattern=r"^[0-9a-f-]+$",
        description="A style from `POST /v1/styles`, in place of an image.",
    )
    image: ImageRef | None = Field(None, validate_default=True, description="The painting, unless there is a style_id.")
    weight: float = Field(
        1.0, gt=0, le=1e6, allow_inf_nan=False, description="Its share among several styles; only ratios matter."
    )
    scale: float = Field(
        1.0,
        ge=0.25,
        le=4,
        allow_inf_nan=False,
        description="How large its strokes become: 2 makes them twice as wide as 1 does.",
    )

    @field_validator("image")
    @classmethod
    def _either(cls, image: ImageRef | None, info: ValidationInfo) -> ImageRef | None:
        if "style_id" in info.data and (image is None) == (info.data["style_id"] is None):
            raise ValueError("give exactly one of image and style_id")
        return image


class Region(Frozen):
    """A part of the photograph that is painted in one style's manner."""

    content_mask: ImageRef = Field(
        description="White where the region is, of the photograph's width and height; greys are soft edges."
    )
    style: int = Field(0, ge=0, lt=MAX_STYLES, description="Which of the styles, counted from 0.")
    style_mask: ImageRef | None = Field(
        None, description="White where that painting is looked at, of its width and height; null: everywhere."
    )


class Timelapse(Frozen):
    """A film of the painting being painted."""

    format: Literal["mp4", "webp"] = Field("mp4", description="mp4: H.264; webp: an animated picture.")
    seconds: float = Field(5.0, ge=2, le=30, description="How long it runs, the last second standing still.")
    size: int = Field(512, ge=64, le=1024, description="Its longest side in pixels, at most the result's.")


class Output(Frozen):
    """How the result is delivered."""

    format: Literal["png", "jpeg", "webp", "tiff"] = Field("png", description="The file's format.")
    quality: int = Field(95, ge=1, le=100, description="Of JPEG and WebP, 1 to 100; PNG and TIFF are lossless.")
    bits: Literal[8, 16] = Field(8, description="Bits of a channel; 16 in PNG and TIFF.")
    background: str | None = Field(
        None,
        pattern=r"^#[0-9a-fA-F]{6}$",
        description="A colour such as #ffffff, put behind a transparent photograph before it is painted. null: the "
        "result is as transparent as the photograph, but in a JPEG, which takes white.",
    )
    timelapse: Timelapse | None = Field(None, description="Also a film of the painting being painted; null: none.")


class Subject(Frozen):
    """What a job is to paint, and from which pictures."""

    kind: Literal["transfer", "texture", "reconstruction", "gram"] = Field(
        description="transfer: the photograph repainted; texture: the style alone; reconstruction: what layers still "
        "know of a photograph; gram: the Gram matrices of an image."
    )
    content: ImageRef | None = Field(None, description="The photograph, of a transfer or a reconstruction.")
    styles: tuple[Style, ...] = Field(
        (), max_length=MAX_STYLES, description="The paintings, of a transfer or a texture."
    )
    image: ImageRef | None = Field(None, description="The image whose Gram matrices are asked for.")
    regions: tuple[Region, ...] = Field(
        (), max_length=MAX_REGIONS, description="Parts of the photograph with a style each; empty: all of it in all."
    )
    init_image: ImageRef | None = Field(
        None, description="The image that the painting starts from, of the result's aspect ratio."
    )
    ladder: bool = Field(
        default=False, description="Of a texture or a reconstruction: one picture for each layer, on one sheet."
    )


class Terms(Frozen):
    """How a job is painted, delivered, queued and kept, whatever it paints."""

    preset: Literal["draft", "standard", "fine"] = Field("standard", description="Sets size and iterations.")
    options: PaintOptions = Field(PaintOptions(), description="How to paint.")
    output: Output = Field(Output(), description="The files that are made.")
    priority: Literal["high", "normal", "low"] = Field("normal", description="A head start of ten minutes, or less.")
    labels: dict[Annotated[str, Field(max_length=LABEL_MAX)], Annotated[str, Field(max_length=LABEL_VALUE_MAX)]] = (
        Field(default_factory=dict, max_length=MAX_LABELS, description="Your own words about the job.")
    )
    cache: bool = Field(
        default=True,
        description="Whether an earlier result may be taken over, when exactly the same was painted before.",
    )
    start_deadline_s: float | None = Field(
        None, ge=1, le=2_592_000, description="Seconds within which it must start, or it expires; null: no matter when."
    )
    run_timeout_s: float | None = Field(
        None,
        ge=1,
        le=86_400,
        description="Seconds that all its attempts together may run, or it fails; null: as long as the service allows.",
    )
    attempts_max: int = Field(3, ge=1, le=10, description="Attempts before the job fails.")
    retention_s: int = Field(604_800, ge=60, le=2_592_000, description="Seconds that a finished job is kept; 7 days.")


JobEvent = Literal["job.started", "job.progress", "job.succeeded", "job.failed", "job.canceled", "job.expired"]
EventType = Literal[JobEvent, "batch.finished"]
"""What webhooks are told."""


class Webhook(Frozen):
    """An address that is told what becomes of one job."""

    url: str = Field(
        min_length=1,
        max_length=2048,
        repr=False,
        description="A public https address; signed with your default secret.",
    )
    events: tuple[JobEvent, ...] = Field(
        ("job.succeeded", "job.failed", "job.canceled", "job.expired"),
        min_length=1,
        max_length=6,
        description="What it is told; job.progress at most every ten seconds.",
    )


class RenderSpec(Terms, Subject):
    """One job, as posted and, after `service.resolve`, as painted."""

    webhook: Webhook | None = Field(None, description="An address that is told what becomes of this job.")

    @property
    def names_strangers(self) -> bool:
        """Whether it brings an image, or names a server, that is yet to be looked at."""
        return self.webhook is not None or any(ref.upload_id is None for ref in self.image_refs().values())

    def image_refs(self) -> dict[str, ImageRef]:
        """List every image that the spec names, by its JSON pointer; styles that have an id are in `style_ids`."""
        single = {"/content": self.content, "/image": self.image, "/init_image": self.init_image}
        styles = {f"/styles/{n}/image": style.image for n, style in enumerate(self.styles)}
        masks = {
            f"/regions/{n}/{side}": mask
            for n, region in enumerate(self.regions)
            for side, mask in (("content_mask", region.content_mask), ("style_mask", region.style_mask))
        }
        return {pointer: ref for pointer, ref in (single | styles | masks).items() if ref is not None}

    def style_ids(self) -> dict[str, str]:
        """List the ids of the styles that have one, by the JSON pointer where others have their image."""
        return {f"/styles/{n}/image": style.style_id for n, style in enumerate(self.styles) if style.style_id}

    def named_at(self, pointer: str) -> str:
        """Say which field names the stored picture at a pointer: its upload's id, or its style's."""
        if pointer in self.style_ids():
            return f"{pointer.removesuffix('/image')}/style_id"
        return f"{pointer}/upload_id"

    def with_images(self, refs: Mapping[str, ImageRef]) -> Self:
        """Name other images at the same places; `refs` has a pointer for each that `image_refs` lists.

        A style that has an id keeps it unless `refs` has an image for it.
        """
        return self.model_copy(
            update={
                **{name: refs.get(f"/{name}") for name in ("content", "image", "init_image")},
                "styles": tuple(
                    style.model_copy(update={"image": refs[at], "style_id": None}) if at in refs else style
                    for at, style in ((f"/styles/{n}/image", style) for n, style in enumerate(self.styles))
                ),
                "regions": tuple(
                    region.model_copy(
                        update={side: refs.get(f"/regions/{n}/{side}") for side in ("content_mask", "style_mask")}
                    )
                    for n, region in enumerate(self.regions)
                ),
            }
        )


def parse_spec(data: object) -> RenderSpec:
    """Read a spec from decoded JSON.

    Raises:
        InvalidSpec: naming each field that is wrong by its JSON pointer.
    """
    return validated(RenderSpec, data)


def place_image(data: dict[str, Any], pointer: str, image: Mapping[str, str]) -> None:
    """Write an image into a spec that is still JSON, where a pointer of `RenderSpec.image_refs` says.

    A list grows by empty entries as far as needed. What is no list or object is left alone, for `parse_spec` to refuse.
    """
    *way, last = pointer.split("/")[1:]
    at: Any = data
    if way:
        at, number = data.setdefault(way[0], []), int(way[1])
        if not isinstance(at, list):
            return
        at.extend({} for _ in range(number + 1 - len(at)))
        at = at[number]
    if isinstance(at, dict):
        at[last] = image
