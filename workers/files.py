"""Pictures in files on this machine, as the commands read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.errors import InvalidImage
from service.ingest import ingest
from service.settings import read_settings
from service.upload import image_limits

if TYPE_CHECKING:
    from pathlib import Path

    from service.painting import Picture


def read_picture(file: Path) -> Picture:
    """Take in a picture as an upload would be.

    Raises:
        InvalidImage: naming the file.
    """
    try:
        return ingest(file.read_bytes(), image_limits(read_settings())).picture
    except InvalidImage as error:
        raise InvalidImage(f"{file}: {error}") from None
