"""The pictures that each kind of job makes are those that were looked at."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.golden.paint import GOLDEN, file, picture


@pytest.mark.weights
@pytest.mark.parametrize("name", GOLDEN)
def test_the_golden_picture_is_made(name: str) -> None:
    with Image.open(file(name)) as image:
        golden = np.asarray(image).astype(float)
    assert np.abs(picture(name) - golden).mean() <= GOLDEN[name].tolerance
