"""What the command line makes of its flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.errors import InvalidSpec, SetupError
from service.wish import Wish, paint_options, wish


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("photo.jpg", "a.jpg", "b.jpg", "sky.png", "part.png"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def asked(folder: Path, *pictures: str, out: str = "out.png", **flags: Any) -> Wish:
    return wish([folder / name for name in pictures], folder / out, **flags)


def pointer(folder: Path, *pictures: str, **flags: Any) -> str:
    with pytest.raises(InvalidSpec) as refused:
        asked(folder, *pictures, **flags)
    [problem] = refused.value.problems
    return problem.pointer


@pytest.mark.parametrize(
    ("kind", "places"),
    [
        ("transfer", ["/content", "/styles/0/image", "/styles/1/image"]),
        ("texture", ["/styles/0/image", "/styles/1/image", "/styles/2/image"]),
        ("reconstruction", ["/content", "/styles/0/image", "/styles/1/image"]),
        ("gram", ["/image", "/styles/0/image", "/styles/1/image"]),
    ],
)
def test_a_kind_decides_what_each_picture_is(folder: Path, kind: str, places: list[str]) -> None:
    """What a kind has no use for is a style, which it is then refused for."""
    assert list(asked(folder, "photo.jpg", "a.jpg", "b.jpg", kind=kind).images) == places


def test_flags_become_the_spec(folder: Path) -> None:
    made = asked(
        folder,
        "photo.jpg",
        "a.jpg",
        "b.jpg",
        out="out.tif",
        preset="draft",
        size=300,
        style_weight=2.0,
        option=["preserve_color=luminance", 'style_layers={"relu1_1": 1}'],
        blend=[1, 3],
        scale=[1, 0.5],
        region=[f"{folder}/sky.png,1", f"{folder}/sky.png,0,{folder}/part.png"],
        init_image=folder / "a.jpg",
        timelapse=folder / "film.mp4",
        bits=16,
    )
    assert made.spec == {
        "kind": "transfer",
        "preset": "draft",
        "ladder": False,
        "options": {
            "size": 300,
            "style_weight": 2.0,
            "preserve_color": "luminance",
            "style_layers": {"relu1_1": 1},
        },
        "output": {"format": "tiff", "bits": 16, "timelapse": {"format": "mp4"}},
        "styles": [{"weight": 1, "scale": 1}, {"weight": 3, "scale": 0.5}],
        "regions": [{"style": 1}, {"style": 0}],
    }
    assert {place: file.name for place, file in made.images.items()} == {
        "/content": "photo.jpg",
        "/styles/0/image": "a.jpg",
        "/styles/1/image": "b.jpg",
        "/regions/0/content_mask": "sky.png",
        "/regions/1/content_mask": "sky.png",
        "/regions/1/style_mask": "part.png",
        "/init_image": "a.jpg",
    }


def test_outputs_lie_beside_the_result_and_the_film_where_it_was_wanted(folder: Path) -> None:
    made = asked(folder, "photo.jpg", out="out.webp", timelapse=folder / "film.mp4")
    places = {name: made.place(name).name for name in ("result", "result.relu1_1", "gram.npz", "timelapse")}
    assert places == {
        "result": "out.webp",
        "result.relu1_1": "out.relu1_1.webp",
        "gram.npz": "out.gram.npz",
        "timelapse": "film.mp4",
    }


@pytest.mark.parametrize(
    ("flags", "refused"),
    [
        ({"out": "out.gif"}, "/output/format"),
        ({"timelapse": Path("film.mov")}, "/output/timelapse/format"),
        ({"option": ["size"]}, "/options"),
        ({"blend": [1.0, 2.0]}, "/styles/1/weight"),
        ({"scale": [1.0, 2.0]}, "/styles/1/scale"),
        ({"region": ["sky.png"]}, "/regions/0"),
        ({"region": ["nowhere.png,0"]}, "/regions/0/content_mask"),
    ],
)
def test_a_flag_that_says_nothing_sensible_is_named(folder: Path, flags: dict[str, Any], refused: str) -> None:
    assert pointer(folder, "photo.jpg", "a.jpg", **flags) == refused


def test_a_folder_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(SetupError, match=r"no folder .*missing to write out\.png to"):
        asked(folder, "photo.jpg", out="missing/out.png")


def test_values_are_json_and_bare_words_are_strings() -> None:
    pairs = ["size=300", "init=noise", "pyramid=[128, 256]", "tolerance=null"]
    assert paint_options(pairs, seed=3, iterations=None) == {
        "seed": 3,
        "size": 300,
        "init": "noise",
        "pyramid": [128, 256],
        "tolerance": None,
    }
