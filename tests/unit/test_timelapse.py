"""A painting being painted, as a film."""

from __future__ import annotations

import builtins
from functools import partial
from io import BytesIO
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from service.errors import SetupError
from service.painting import Pixels, Step
from service.spec import Timelapse
from service.timelapse import RATE, Film
from tests.images import gradient
from tests.paintings import no_checkpoint

FORMATS = ("mp4", "webp")


def flat(level: float, width: int = 96, height: int = 64) -> Pixels:
    return np.full((height, width, 3), round(level), np.uint8)


def filmed(iterations: int = 50, *, width: int = 96, height: int = 64, longest: int = 96, **wish: Any) -> bytes:
    """Film a picture that grows lighter by even steps from iteration to iteration, 20 to 220."""
    film = Film(Timelapse(seconds=wish.pop("seconds", 2), **wish), longest=longest)
    for n in range(iterations + 1):
        film.watch(
            Step(96, n, iterations, None, partial(flat, 20 + 200 * n / iterations, width, height), no_checkpoint)
        )
    data = film.encode(flat(220, width, height))
    assert film.shape == frames(data)[0][0].shape[1::-1]
    return data


def frames(data: bytes) -> list[tuple[Pixels, float]]:
    """Every frame with its seconds."""
    if data[:4] == b"RIFF":
        image = Image.open(BytesIO(data))
        return [
            (np.asarray(frame.convert("RGB")), frame.info["duration"] / 1000) for frame in ImageSequence.Iterator(image)
        ]
    with av.open(BytesIO(data), "r") as container:
        return [(frame.to_ndarray(format="rgb24").astype(np.uint8), 1 / RATE) for frame in container.decode(video=0)]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("seconds", [2, 3.5, 5])
def test_a_film_runs_as_long_as_it_was_asked_to_and_ends_with_a_still_second(name: str, seconds: float) -> None:
    shown = frames(filmed(format=name, seconds=seconds))
    assert sum(duration for _, duration in shown) == pytest.approx(seconds, abs=0.05)
    still = sum(duration for pixels, duration in shown if abs(pixels.mean() - 220) < 4)
    assert 1 <= still + 0.01 < 1.4


@pytest.mark.parametrize("name", FORMATS)
def test_a_film_goes_from_the_start_to_the_finished_picture(name: str) -> None:
    levels = [float(pixels.mean()) for pixels, _ in frames(filmed(format=name, seconds=3))]
    assert levels[0] == pytest.approx(20, abs=4)
    assert levels[-1] == pytest.approx(220, abs=4)
    assert all(after >= before - 2 for before, after in pairwise(levels))


def test_early_iterations_take_more_frames_than_late_ones() -> None:
    levels = [float(pixels.mean()) for pixels, _ in frames(filmed(400, format="mp4", seconds=5))]
    moving = levels[: 4 * RATE]
    assert moving[2 * RATE] == pytest.approx(20 + 200 * 0.25, abs=10)  # half the time for a quarter of the iterations


@pytest.mark.parametrize("name", FORMATS)
def test_the_longest_side_is_as_asked_and_at_most_the_results(name: str) -> None:
    large = frames(filmed(5, format=name, width=300, height=200, longest=300, size=120))[0][0]
    small = frames(filmed(5, format=name, width=80, height=60, longest=80, size=120))[0][0]
    assert (large.shape[1::-1], small.shape[1::-1]) == ((120, 80), (80, 60))


@pytest.mark.parametrize(("name", "size"), [("mp4", (94, 62)), ("webp", (95, 63))])
def test_odd_sides_become_even_where_the_codec_needs_it(name: str, size: tuple[int, int]) -> None:
    assert frames(filmed(3, format=name, width=95, height=63, longest=95))[0][0].shape[1::-1] == size


@pytest.mark.parametrize("name", FORMATS)
def test_the_steps_of_a_pyramid_are_shown_at_one_size(name: str) -> None:
    film = Film(Timelapse(format=name, seconds=2), longest=96)
    for n in range(11):
        film.watch(Step(48, n, 10, None, partial(flat, 50, *((96, 64) if n > 5 else (48, 32))), no_checkpoint))
    assert {pixels.shape for pixels, _ in frames(film.encode(flat(50)))} == {(64, 96, 3)}


@pytest.mark.parametrize(("name", "size"), [("mp4", (512, 340)), ("webp", (512, 341))])
def test_a_film_has_the_results_aspect_ratio_though_a_pyramid_rounds_it(name: str, size: tuple[int, int]) -> None:
    film = Film(Timelapse(format=name, seconds=2), longest=512)
    film.watch(Step(64, 0, 2, None, partial(flat, 50, 64, 43), no_checkpoint))
    data = film.encode(flat(50, 512, 341))
    assert {pixels.shape[1::-1] for pixels, _ in frames(data)} == {size}
    assert film.shape == size


def test_a_film_of_a_ribbon_has_the_two_rows_that_the_codec_needs() -> None:
    data = filmed(3, format="mp4", width=640, height=8, longest=640, size=64)
    assert frames(data)[0][0].shape == (2, 64, 3)


@pytest.mark.parametrize("name", FORMATS)
def test_a_painting_that_ends_early_fills_its_time(name: str) -> None:
    film = Film(Timelapse(format=name, seconds=2), longest=96)
    for n in range(101):
        film.watch(Step(96, n, 100 if n == 100 else 500, None, partial(flat, 20 + 2 * n), no_checkpoint))
    shown = frames(film.encode(flat(220)))
    assert sum(duration for _, duration in shown) == pytest.approx(2, abs=0.05)
    assert sum(duration for pixels, duration in shown if pixels.mean() > 214) == pytest.approx(1, abs=0.1)


def test_a_picture_is_asked_for_only_when_a_frame_shows_it() -> None:
    film, asked = Film(Timelapse(seconds=2), longest=96), 0

    def look() -> Pixels:
        nonlocal asked
        asked += 1
        return flat(50)

    for n in range(1001):
        film.watch(Step(96, n, 1000, None, look, no_checkpoint))
    assert asked <= RATE


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_painting_makes_the_same_bytes(name: str) -> None:
    assert len({filmed(format=name) for _ in range(12)}) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_one_iteration_and_16_bits_are_enough(name: str) -> None:
    film = Film(Timelapse(format=name, seconds=2), longest=96)
    film.watch(Step(96, 0, 1, None, lambda: flat(20), no_checkpoint))
    film.watch(Step(96, 1, 1, None, lambda: flat(220), no_checkpoint))
    assert frames(film.encode(flat(220).astype(np.uint16) * 257))[-1][0].mean() == pytest.approx(220, abs=4)


def test_colours_survive_the_film() -> None:
    """An MP4's are tagged and converted as BT.709; as BT.601 they would be off by up to 20."""
    green = np.broadcast_to(np.array([30, 160, 60], np.uint8), (64, 96, 3))
    film = Film(Timelapse(seconds=2), longest=96)
    film.watch(Step(96, 0, 1, None, lambda: green, no_checkpoint))
    data = film.encode(green)
    with av.open(BytesIO(data), "r") as container:
        assert int(container.streams.video[0].codec_context.colorspace) == 1  # BT.709, of ITU-T H.273
        decoded = next(container.decode(video=0)).to_ndarray(format="rgb24", src_colorspace="ITU709")
    assert np.abs(decoded.astype(int) - green).max() <= 4


def test_what_is_missing_for_an_mp4_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = builtins.__import__

    def without_av(name: str, *rest: Any) -> Any:
        if name == "av":
            raise ImportError(name)
        return genuine(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(SetupError, match="PyAV"):
        filmed(format="mp4")


@pytest.mark.parametrize("name", FORMATS)
def test_an_iteration_is_held_until_the_next_is_due(name: str) -> None:
    shown = frames(filmed(1, format=name, seconds=3))
    assert sum(duration for pixels, duration in shown if abs(pixels.mean() - 20) < 4) == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("name", FORMATS)
def test_the_first_frame_is_the_start_and_the_last_the_finished_picture(name: str) -> None:
    start, final = gradient(96, 64), np.ascontiguousarray(gradient(96, 64)[::-1])
    film = Film(Timelapse(format=name, seconds=2), longest=96)
    film.watch(Step(96, 0, 1, None, lambda: start, no_checkpoint))
    shown = frames(film.encode(final))
    for (pixels, _), expected in ((shown[0], start), (shown[-1], final)):
        error = np.square(pixels.astype(float) - expected).mean()
        assert 10 * np.log10(255**2 / error) > 25  # dB; colours have half the resolution


def test_an_mp4_plays_before_it_is_all_there_and_its_encoder_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    data = filmed(format="mp4", seconds=3)
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert capfd.readouterr() == ("", "")
    with av.open(BytesIO(data), "r") as container:
        video = container.streams.video[0]
        assert video.codec_context.pix_fmt == "yuv420p"
        assert (video.frames, float(video.average_rate or 0)) == (3 * RATE, RATE)
        assert container.duration == 3 * av.time_base
