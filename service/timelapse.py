"""Timelapses: a painting being painted, as a film or an animated picture."""

from __future__ import annotations

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
    from collections.abc import Sequence

    from service.painting import Pixels, Step
    from service.spec import Timelapse

FILM_CONTENT_TYPES = {"mp4": "video/mp4", "webp": "image/webp"}

RATE = 24
"""Frames a second."""

STILL_S = 1
"""Seconds at the end that show the finished picture."""

X264 = {
    "crf": "18",  # a constant rate factor below which differences can't be seen
    "threads": "1",  # the same bytes on every machine
    "x264-params": "colorprim=bt709:transfer=bt709:colormatrix=bt709:log-level=none",
}
"""The encoder's options."""

WEBP_QUALITY = 80


class Film:
    """Collects the frames of one painting while it is painted.

    Most happens early, so frame k of K shows the iteration that is (k/K)² of all; an iteration that is due for several
    frames is held.
    """

    def __init__(self, wish: Timelapse, *, longest: int) -> None:
        """Prepare for a painting whose result's longer side has `longest` pixels."""
        self._wish, self._longest = wish, min(wish.size, longest)
        self._moving = round((wish.seconds - STILL_S) * RATE)
        self._size: tuple[int, int] | None = None
        self._frames: list[Pixels] = []

    @property
    def shape(self) -> tuple[int, int]:
        """Width and height in pixels, even ones in an MP4; known from the first step on."""
        assert self._size is not None, "nothing has been filmed"
        return self._size

    def watch(self, step: Step) -> None:
        """Take the picture of a step, if a frame is to show it; only then is it asked for."""
        due = min(self._moving, int(self._moving * (step.iteration / step.of) ** 0.5) + 1)
        if due > len(self._frames):
            frame = self._scaled(step.picture())
            # What was due before and not filmed yet shows the same.
            self._frames += [frame] * (due - len(self._frames))

    def encode(self, final: Pixels) -> bytes:
        """Add the finished picture, `(H, W, 3)`, standing still, and write the film.

        Raises:
            SetupError: PyAV is not installed.
        """
        last = self._scaled(eight_bits(final))
        frames = [*self._frames, *[last] * (STILL_S * RATE)]
        return _mp4(frames) if self._wish.format == "mp4" else _webp(frames)

    def _scaled(self, pixels: Pixels) -> Pixels:
        """Scale to the film's size. x264 halves the colours' resolution, so sides are even: a pixel is left out."""
        if self._size is None:
            width, height = scaled(pixels.shape[1], pixels.shape[0], self._longest)
            even = self._wish.format == "mp4"
            self._size = (max(2, width - width % 2), max(2, height - height % 2)) if even else (width, height)
        if pixels.shape[1::-1] == self._size:
            return pixels
        return np.asarray(Image.fromarray(pixels).resize(self._size, Image.Resampling.LANCZOS))


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
