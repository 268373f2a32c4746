"""JSON as strangers send it: any at all, and specs in which a few things are wrong."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
"""Any that JSON can escape, halves of surrogate pairs too."""

NUMBERS = st.one_of(
    st.integers(-2, 20),
    st.sampled_from([0.25, 0.5, 1e-3, 64, 128, 512, 8192, 1e12, 2**31, 2**63 - 1, 2**63, 10**400, -0.0]),
    st.floats(),
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)

IMAGE = {"upload_id": "0f-1"}
STYLE = {"image": IMAGE, "weight": 2, "scale": 0.5}
OUTPUT = {
    "format": "tiff",
    "quality": 80,
    "bits": 16,
    "background": "#ffFF00",
    "timelapse": {"format": "webp", "size": 64},
}
OPTIONS = {
    "size": 256,
    "content_weight": 1,
    "style_weight": 2.5,
    "tv_weight": 1e-3,
    "content_layers": {"relu4_2": 1},
    "style_layers": {"relu1_1": 1e3, "relu2_1": 0},
    "normalization": "gatys",
    "style_distance": "gram",
    "preserve_color": "none",
    "init": "noise",
    "seed": 3,
    "optimizer": "adam",
    "iterations": 20,
    "tolerance": 0.01,
    "pyramid": [64, 128],
    "pooling": "avg",
    "padding": "zeros",
    "network": "vgg19",
}
TERMS = {
    "preset": "draft",
    "options": OPTIONS,
    "output": OUTPUT,
    "priority": "low",
    "labels": {"a": "b"},
    "cache": False,
    "start_deadline_s": 60,
    "run_timeout_s": 60.5,
    "attempts_max": 2,
    "retention_s": 60,
}
WEBHOOK = {"url": "https://example.com/", "events": ["job.failed", "job.progress"]}
TRANSFER = {"kind": "transfer", "content": IMAGE, "styles": [STYLE, {"style_id": "0f-2"}], **TERMS, "webhook": WEBHOOK}
SPECS: Sequence[dict[str, Any]] = (
    TRANSFER,
    {"kind": "transfer", "content": {"url": "https://example.com/a.png"}, "styles": [{"image": {"data": "aGk="}}]},
    {
        "kind": "transfer",
        "content": IMAGE,
        "styles": [{"image": IMAGE}],
        "init_image": IMAGE,
        "regions": [{"content_mask": IMAGE, "style": 0, "style_mask": IMAGE}],
    },
    {"kind": "texture", "styles": [STYLE], "ladder": True, "options": {"style_layers": "all", "pyramid": "auto"}},
    {"kind": "reconstruction", "content": IMAGE, "ladder": True, "options": {"content_layers": "all"}},
    {"kind": "gram", "image": IMAGE, "options": {"size": 64, "style_layers": {"relu1_1": 1}}},
)
BATCHES: Sequence[dict[str, Any]] = (
    {"jobs": [{**SPECS[1], "custom_id": "a"}, {**SPECS[3], "custom_id": "b"}, SPECS[5]]},
    {"contents": [IMAGE, IMAGE], "styles": [STYLE], **TERMS, "webhook": {"url": "https://example.com/"}},
)
STYLES: Sequence[dict[str, Any]] = ({"name": "Dusk", "image": IMAGE, "labels": {"a": "b"}},)

WORDS = sorted(
    {name for spec in (*SPECS, *BATCHES) for name in re.findall(r"\w+", str(spec))}
    | {"all", "image", "mean_std", "sliced_wasserstein", "relu5_1", "jpeg", "webp"}
)
"""Names and values that mean something somewhere."""

NAMES = (
    st.sampled_from(WORDS) | st.sampled_from(["", "a~b", "~1", "a/b", "dict[x", "literal[x", "[key]", "0", "-1"]) | TEXT
)
"""Those that could be taken for something else in a pointer, above all."""


@st.composite
def near_valid(draw: st.DrawFn, wholes: Sequence[dict[str, Any]]) -> Any:
    """Take a whole one, and replace, drop, add or exchange a few of its values."""
    data: Any = copy.deepcopy(draw(st.sampled_from(wholes)))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(data))
        if not places:
            return draw(JSON)
        container, name = draw(st.sampled_from(places))
        match draw(st.sampled_from(["number", "word", "json", "drop", "add", "rename", "copy", "twice"])):
            case "number":
                container[name] = draw(NUMBERS)
            case "word":
                container[name] = draw(st.sampled_from(WORDS))
            case "json":
                container[name] = draw(JSON)
            case "drop":
                del container[name]
            case "add" if isinstance(container, dict):
                container[draw(NAMES)] = draw(JSON | st.sampled_from(WORDS))
            case "rename" if isinstance(container, dict):
                container[draw(NAMES)] = container.pop(name)
            case "copy":
                other, there = draw(st.sampled_from(places))
                if isinstance(other, dict) and there in other:
                    container[name] = copy.deepcopy(other[there])
            case "twice" if isinstance(container, list):
                container.append(copy.deepcopy(container[name]))
    return data


def _places(data: Any) -> Any:
    """List every container with each of its names or numbers."""
    if isinstance(data, dict | list):
        for name in list(data) if isinstance(data, dict) else range(len(data)):
            yield data, name
            yield from _places(data[name])


def well_formed(pointer: str) -> bool:
    """Say whether it is a JSON pointer (RFC 6901, 3)."""
    return re.fullmatch(r"(/([^/~]|~[01])*)*", pointer, re.DOTALL) is not None


def leads_somewhere(pointer: str, data: Any) -> bool:
    """Say whether a pointer (RFC 6901) names something that is there, or a member that an object or list lacks."""
    if not well_formed(pointer):
        return False
    at = data
    for token in (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]):
        if isinstance(at, dict):
            known = {_sendable(name): value for name, value in at.items()}
            if token not in known:
                return True
            at = known[token]
        elif isinstance(at, list):
            if not token.isdecimal() or int(token) > len(at):
                return False
            if int(token) == len(at):
                return True
            at = at[int(token)]
        else:
            return False
    return True


def _sendable(name: str) -> str:
    """Write a name as UTF-8 can hold it."""
    return name.encode(errors="surrogatepass").decode(errors="replace")
