"""`/v1/uploads`: images brought before the job that uses them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, UploadFile

from api.deps import TheServices, Writer
from api.wire.upload import UploadOut
from service.upload import upload

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])


@router.post("", status_code=201, summary="Upload an image")
def create_upload(
    file: Annotated[UploadFile, File(description="JPEG, PNG, WebP or TIFF.")],
    caller: Writer,
    services: TheServices,
) -> UploadOut:
    """Take in one image: it is checked, turned upright, converted to sRGB and stripped of all metadata."""
    return UploadOut.of(upload(file.file.read(), tenant=caller.tenant, services=services))
