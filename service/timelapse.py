"""Timelapses: a painting being painted, as a film or an animated picture."""

from __future__ import annotations

from bisect import bisect_right
from io import BytesIO
from itertools import pairwise
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from service.errors import SetupError
from service.pictures import eight_bits
from service.plan import scaled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from service.painting import Pixels, Step
    from service.spec import Timelapse

FILM_CONTENT_TYPES = {"mp4": "video/mp4", "webp": "image/webp"}

RATE = 24
"""Frames a second."""

STILL_S = 1
"""Seconds at the end that show the finished picture."""

X264 = {
    "crf": "18",  # a constant rate factor below which differences can't be seen
    "threads": "1",
    # The same bytes every time: without cpu-independent, x264's mb-tree in AVX gives others now and then (core 165).
    "x264-params": "cpu-independent=1:colorprim=bt709:transfer=bt709:colormatrix=bt709:log-level=none",
}
"""The encoder's options."""

WEBP_QUALITY = 80

KEPT_QUALITY = 95
"""Of the frames that wait in a checkpoint."""


class Film:
    """Collects the frames of one painting while it is painted.

    Most happens early, so frame k of K shows the iteration that is (k/K)² of all, rounded down; an iteration that is
    due for several frames is held. How many there are in all may shrink on the way: what was collected by then is
    spread over the time of the film.
    """

    def __init__(self, wish: Timelapse, *, longest: int) -> None:
        """Prepare for a painting whose result's longer side has `longest` pixels."""
        self._wish, self._longest = wish, min(wish.size, longest)
        self._moving = round((wish.seconds - STILL_S) * RATE)
        self._taken: list[tuple[int, Pixels]] = []
        self._kept: dict[str, NDArray[np.uint8]] = {}
        self._of = 0
        self._shape: tuple[int, int] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Width and height in pixels, even ones in an MP4; known when it has been encoded."""
        assert self._shape is not None, "the film is not encoded yet"
        return self._shape

    def watch(self, step: Step) -> None:
        """Take the picture of a step, if a frame is to show it; only then is it asked for."""
        self._of = step.of
        seen = self._taken[-1][0] if self._taken else -1
        if step.iteration > seen and step.iteration in self._due():
            self._taken.append((step.iteration, self._reduced(step.picture())))

    def frames(self) -> dict[str, NDArray[np.uint8]]:
        """Give the frames taken so far, for a checkpoint: by iteration, each the bytes of a JPEG."""
        for iteration, pixels in self._taken:
            if str(iteration) not in self._kept:
                file = BytesIO()
                Image.fromarray(pixels).save(file, "JPEG", quality=KEPT_QUALITY, subsampling=0)
                self._kept[str(iteration)] = np.frombuffer(file.getvalue(), np.uint8)
        return dict(self._kept)

    def restore(self, frames: Mapping[str, NDArray[np.uint8]]) -> None:
        """Take the frames of a checkpoint up; what they show is what `frames` gave, but for JPEG's losses."""
        self._kept = dict(frames)
        self._taken = [
            (int(iteration), np.asarray(Image.open(BytesIO(data.tobytes())))) for iteration, data in frames.items()
        ]

    def encode(self, final: Pixels) -> bytes:
        """Add the finished picture, `(H, W, 3)`, standing still, and write the film, of that picture's aspect ratio.

        Raises:
            SetupError: PyAV is not installed.
        """
        assert self._taken, "nothing was watched"
        size = scaled(final.shape[1], final.shape[0], self._longest)
        pictures = [self._fitted(pixels, size) for _, pixels in self._taken]
        last = self._fitted(eight_bits(final), size)
        self._shape = last.shape[1], last.shape[0]
        iterations = [iteration for iteration, _ in self._taken]
        moving = [pictures[bisect_right(iterations, due) - 1] for due in self._due()]
        frames = [*moving, *[last] * (STILL_S * RATE)]
        return _mp4(frames) if self._wish.format == "mp4" else _webp(frames)

    def _due(self) -> list[int]:
        """Say of every moving frame which iteration it shows."""
        return [self._of * k**2 // self._moving**2 for k in range(self._moving)]

    def _reduced(self, pixels: Pixels) -> Pixels:
        """Keep no more pixels than the film has; the smaller pictures of a pyramid wait as they are."""
        height, width = pixels.shape[:2]
        return pixels if max(width, height) <= self._longest else _resized(pixels, scaled(width, height, self._longest))

    def _fitted(self, pixels: Pixels, size: tuple[int, int]) -> Pixels:
        """Scale to the film's size. H.264 halves the colours' resolution: of an odd side, the last pixel is cut off."""
        if self._wish.format != "mp4":
            return _resized(pixels, size)
        width, height = (max(2, side) for side in size)
        return _resized(pixels, (width, height))[: height - height % 2, : width - width % 2]


def _resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    if pixels.shape[1::-1] == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def _mp4(frames: Sequence[Pixels]) -> bytes:
    """Write H.264 in BT.709's colours, its index first, so that a browser begins before it has all of it."""
    try:
        import av  # noqa: PLC0415 - the API does without it
    except ImportError:
        raise SetupError("An MP4 needs PyAV: pip install 'impasto[worker]'.") from None
    # Its index comes first only in a file with a name: it is written last and moved then.
    with NamedTemporaryFile(suffix=".mp4") as file:
        with av.open(file.name, "w", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=RATE, options=X264)
            stream.width, stream.height = frames[0].shape[1::-1]
            stream.pix_fmt = "yuv420p"
            for pixels in frames:
                rgb = av.VideoFrame.from_ndarray(pixels.astype(np.uint8, copy=False), format="rgb24")
                container.mux(stream.encode(rgb.reformat(format="yuv420p", dst_colorspace="ITU709")))
            container.mux(stream.encode(None))
        return file.read()


def _webp(frames: Sequence[Pixels]) -> bytes:
    """Write an animated WebP that begins again; frames in a row that are the same one become a longer one."""
    runs: list[tuple[Image.Image, int]] = []
    for before, frame in zip([None, *frames], frames, strict=False):
        if frame is before:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((Image.fromarray(frame), 1))
    (first, _), *others = runs
    ends = np.cumsum([0, *(count for _, count in runs)]) * 1000 / RATE
    file = BytesIO()
    first.save(
        file,
        "WEBP",
        save_all=True,
        append_images=[image for image, _ in others],
        duration=[int(round(b) - round(a)) for a, b in pairwise(ends)],
        loop=0,
        quality=WEBP_QUALITY,
        method=4,
    )
    return file.getvalue()
