"""What the command line makes of its flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from service.errors import InvalidSpec, SetupError
from service.named import Many
from service.wish import Wish, paint_options, wish
from workers.cli import commands


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("photo.jpg", "a.jpg", "b.jpg", "sky.png", "part.png"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def asked(folder: Path, *pictures: str, out: str = "out.png", **flags: Any) -> Wish:
    return wish([name if ":" in name else str(folder / name) for name in pictures], folder / out, **flags)


def app() -> typer.Typer:
    """The worker's commands."""
    made = typer.Typer()
    commands(made)
    return made


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
        init_image=str(folder / "a.jpg"),
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
        ({"region": ["style:0190,0"]}, "/regions/0/content_mask"),
        ({"init_image": "nowhere.png"}, "/init_image"),
        ({"init_image": "style:0190"}, "/init_image"),
    ],
)
def test_a_flag_that_says_nothing_sensible_is_named(folder: Path, flags: dict[str, Any], refused: str) -> None:
    assert pointer(folder, "photo.jpg", "a.jpg", **flags) == refused


@pytest.mark.parametrize("name", ["nowhere.jpg", "ftp://h/a.jpg", "style:0190"])
def test_a_photograph_that_is_none_is_named(folder: Path, name: str) -> None:
    assert pointer(folder, name, "a.jpg") == "/content"


def test_urls_and_stored_styles_go_into_the_spec_and_files_stay_files(folder: Path) -> None:
    url = "https://h.example/sky.png?a=1"
    made = asked(folder, url, "a.jpg", "style:0190-ab", url, scale=[1, 2, 3], region=[f"{url},1"], init_image=url)
    assert made.spec["content"] == made.spec["init_image"] == {"url": url}
    assert made.spec["styles"] == [
        {"scale": 1},
        {"scale": 2, "style_id": "0190-ab"},
        {"scale": 3, "image": {"url": url}},
    ]
    assert made.spec["regions"] == [{"style": 1, "content_mask": {"url": url}}]
    assert list(made.images) == ["/styles/0/image"]
    elsewhere = ("/content", "/styles/1/image", "/styles/2/image", "/regions/0/content_mask", "/init_image")
    assert made.elsewhere == elsewhere


def test_a_file_may_be_named_like_a_stored_style(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "style:0190").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    made = wish(["./style:0190", "./style:0190"], tmp_path / "out.png")
    assert (list(made.images), made.elsewhere) == (["/content", "/styles/0/image"], ())


def test_render_takes_files_alone_and_says_which_is_none(folder: Path) -> None:
    pictures = ["https://h.example/photo.jpg", "style:0190"]
    with pytest.raises(InvalidSpec, match="impasto submit") as refused:
        app()(["render", *pictures, "-o", str(folder / "out.png")], standalone_mode=False)
    assert [problem.pointer for problem in refused.value.problems] == ["/content", "/styles/0/image"]


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


# Folders


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("photos/b.jpg", "photos/a.png", "photos/notes.txt", "paintings/a.webp", "more/a.webp", "none/x.txt"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    return tmp_path


def test_folders_stand_for_the_pictures_in_them(folders: Path) -> None:
    made = asked(folders, "photos", "paintings", "style:0190", out="out", preset="draft")
    assert made.many is not None
    assert [Path(name).name for name in made.many.contents] == ["a.png", "b.jpg"]
    assert [Path(name).name for name in made.many.styles] == ["a.webp", "style:0190"]
    assert [place.relative_to(folders).as_posix() for place in made.many.places()] == [
        "out/a-a.png", "out/a-0190.png", "out/b-a.png", "out/b-0190.png",
    ]  # fmt: skip
    assert (made.images, made.spec["preset"], made.spec["output"]) == ({}, "draft", {"format": "png"})
    assert not (folders / "out").exists()


def test_no_picture_takes_the_place_of_another(folders: Path) -> None:
    made = asked(folders, "photos/b.jpg", "paintings", "more", out="out")
    assert made.many is not None
    assert [place.name for place in made.many.places()] == ["b-a.0.png", "b-a.1.png"]
    odd = Many(("a.png", "a-b.png"), ("b-c.png", "c.png", f"https://example.com/{'x' * 300}.png?k=1"), folders)
    names = [place.name for place in odd.places()]
    assert names[:5] == ["a-b-c.0.png", "a-c.png", f"a-{'x' * 80}.png", "a-b-b-c.png", "a-b-c.4.png"]


def test_a_long_url_is_no_folder(folders: Path) -> None:
    url = f"https://example.com/photo.png?X-Amz-Signature={'f' * 400}"
    assert asked(folders, url, "paintings/a.webp").elsewhere == ("/content",)


def test_many_pictures_need_a_folder_and_are_transfers(folders: Path) -> None:
    with pytest.raises(SetupError, match=r"--out has to be a folder"):
        asked(folders, "photos", "paintings", out="out.png")
    assert pointer(folders, "photos", "paintings", out="out", kind="texture") == "/kind"
    assert pointer(folders, "none", "paintings", out="out") == "/content"
    assert pointer(folders, "photos", "paintings", "none", out="out") == "/styles/1/image"
    assert pointer(folders, "photos", "paintings/nowhere.jpg", out="out") == "/styles/0/image"
    assert pointer(folders, "photos", out="out") == "/styles"
    with pytest.raises(InvalidSpec, match=r"--blend, --ladder: for one picture"):
        asked(folders, "photos", "paintings", out="out", blend=[1.0], ladder=True)
