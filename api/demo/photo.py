"""The demo's photograph, which scikit-learn ships."""

from __future__ import annotations

from PIL import Image
from sklearn.datasets import load_sample_image

ATTRIBUTION = "china.jpg by danielbuechele, CC BY 2.0, as scikit-learn ships it"


def photograph() -> Image.Image:
    """Give a photograph of a pagoda above a lake, 640 × 427 pixels, RGB."""
    return Image.fromarray(load_sample_image("china.jpg"))
