"""Every kind of job and its options, by the HTTP API and by this process alike: the same files, to the byte."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.painting import Picture
from service.pictures import decode_stored, encode_stored
from tests.e2e.command import impasto
from tests.e2e.up_process import Up
from tests.golden.pictures import brush_strokes, landscape, left_half, tiles

pytestmark = [pytest.mark.servers, pytest.mark.weights]

SMALL = ("--size", "64", "--iterations", "2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photograph (once with a matte), two paintings, and two masks."""
    pictures = {
        "photo": landscape(), "strokes": brush_strokes(), "tiles": tiles(),
        "left": left_half(), "right": 255 - left_half(),
    }  # fmt: skip
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "cut.png").write_bytes(encode_stored(Picture(landscape(), left_half()[..., 0])))
    return tmp_path


CASES: dict[str, tuple[list[str], list[str]]] = {
    "regions": (
        [
            "photo.png", "strokes.png", "tiles.png", "-o", "out.tif", "--bits", "16",
            "--scale", "0.5", "--scale", "1", "--region", "left.png,0", "--region", "right.png,1",
            "-O", "preserve_color=histogram", "--timelapse", "film.webp", *SMALL,
        ],
        ["film.webp", "out.tif"],
    ),
    "matte": (
        [
            "cut.png", "strokes.png", "-o", "out.png", "-O", "style_distance=gaussian_w2", "-O", "pyramid=[64]",
            "--size", "80", "--iterations", "2", "--init-image", "photo.png", "--timelapse", "film.mp4",
        ],
        ["film.mp4", "out.png"],
    ),
    "texture": (
        [
            "strokes.png", "-o", "out.jpg", "--kind", "texture", "--ladder", *SMALL,
            "-O", 'style_layers={"relu1_1": 1e4, "relu2_1": 500}',
        ],
        ["out.jpg", "out.relu1_1.jpg", "out.relu2_1.jpg"],
    ),
    "gram": (
        ["photo.png", "-o", "out.webp", "--kind", "gram", "-O", 'style_layers={"relu1_1": 1}'],
        ["out.gram.npz", "out.relu1_1.webp", "out.webp"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_submit_and_render_make_the_same_files(
    up: Up, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, expected = CASES[name]
    monkeypatch.chdir(folder)
    made = {}
    for command in (("render",), ("submit", "--data", str(up.data.absolute()))):
        run = impasto(*command, *arguments)
        assert run.returncode == 0, run.stderr
        assert sorted(run.stdout.split()) == expected
        made[command[0]] = {file: (folder / file).read_bytes() for file in expected}
        for file in expected:
            (folder / file).unlink()
    assert made["render"] == made["submit"]


def test_a_transparent_photograph_comes_back_transparent(up: Up, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    run = impasto(
        "submit", "cut.png", "strokes.png", "-o", "out.png", "--data", str(up.data.absolute()), *SMALL, "--json"
    )
    answer = json.loads(run.stdout)
    picture = decode_stored(Path("out.png").read_bytes())
    assert picture.matte is not None
    assert picture.matte.shape == picture.pixels.shape[:2] == (48, 64)
    assert [picture.matte[:, :20].min(), picture.matte[:, -20:].max()] == [255, 0]
    assert answer["files"] == {"result": "out.png"}
    report = answer["job"]["report"]
    assert report["iterations"] == 2
    assert report["loss"]["after"]["total"] < report["loss"]["before"]["total"]


def test_the_matrices_are_the_numbers_that_the_sheet_shows(
    up: Up, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    run = impasto("submit", "photo.png", "-o", "out.png", "--kind", "gram", "--data", str(up.data.absolute()))
    assert run.returncode == 0, run.stderr
    with np.load(BytesIO(Path("out.gram.npz").read_bytes())) as grams:
        sizes = {layer: grams[layer].shape for layer in grams}
    assert sizes == {f"relu{n}_1": (c, c) for n, c in enumerate((64, 128, 256, 512, 512), start=1)}
    with Image.open("out.relu5_1.png") as picture:
        assert picture.size == (512, 512)
