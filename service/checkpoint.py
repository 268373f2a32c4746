"""Checkpoints as bytes: NumPy's archive of arrays, with a note of where they belong."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from typing import Any

import numpy as np

import service
from service.errors import StaleCheckpoint
from service.painting import Checkpoint

FORMAT = 1
"""Counts the changes of what stands in a checkpoint."""

_POSITION = "position.json"


def pack(checkpoint: Checkpoint) -> bytes:
    """Write a checkpoint. It is not compressed: the noise of an image in float32 gives hardly anything away."""
    said = {"format": FORMAT, "version": service.__version__, "position": checkpoint.position}
    file = BytesIO()
    arrays: dict[str, Any] = dict(checkpoint.arrays)
    note: Any = np.frombuffer(json.dumps(said).encode(), np.uint8)
    np.savez(file, **arrays, **{_POSITION: note})
    return file.getvalue()


def unpack(data: bytes) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        StaleCheckpoint: it is damaged, or was written by another version.
    """
    try:
        with np.load(BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        said = json.loads(arrays.pop(_POSITION).tobytes())
        known = said["format"], said["version"]
        position = said["position"]
    except (ValueError, KeyError, TypeError, OSError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        raise StaleCheckpoint(f"The checkpoint can't be read: {type(error).__name__}.") from error
    if known != (FORMAT, service.__version__):
        raise StaleCheckpoint(f"The checkpoint is of format and version {known}.")
    return Checkpoint(arrays, position)
