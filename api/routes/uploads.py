"""`/v1/uploads`: images brought before the job that uses them."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.deps import Reader, TheIntake, TheServices, Writer
from api.upload_forms import BODIES, read_upload
from api.wire.upload import UploadAgain, UploadByUrl, UploadDirect, UploadInline, UploadOut
from service.direct import announce, complete
from service.forget import forget_upload
from service.prepare import take_in
from service.spec import ImageRef
from service.upload import upload, upload_again
from service.wiring import Services

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])


@router.post("", status_code=201, summary="Upload an image", openapi_extra=BODIES)
async def create_upload(request: Request, caller: Writer, services: TheServices, intake: TheIntake) -> UploadOut:
    """Take in one image: it is checked, turned upright, converted to sRGB and stripped of all metadata.

    It comes as a file of a form, by its URL, or as base64, or it is one that a job of yours was posted with. Or it is
    announced, by its size and digest: then the answer says where to put it, and it is taken in when the upload is
    completed.
    """
    brought = await read_upload(request)
    return await intake.run(caller.tenant, _taken_in, brought, tenant=caller.tenant, services=services)


def _taken_in(
    brought: bytes | UploadByUrl | UploadInline | UploadAgain | UploadDirect, *, tenant: str, services: Services
) -> UploadOut:
    if isinstance(brought, bytes):
        return UploadOut.of(upload(brought, tenant=tenant, services=services))
    if isinstance(brought, UploadDirect):
        announced = announce(
            sha256=brought.sha256,
            size=brought.bytes,
            content_type=brought.content_type,
            tenant=tenant,
            services=services,
        )
        return UploadOut.of_announced(announced)
    if isinstance(brought, UploadAgain):
        return UploadOut.of(upload_again(brought.job_id, brought.pointer, tenant=tenant, services=services))
    ref = ImageRef.model_validate(brought.model_dump())
    return UploadOut.of(take_in(ref, tenant=tenant, services=services))


@router.post("/{upload_id}/complete", summary="Complete a direct upload")
async def complete_upload(upload_id: str, caller: Writer, services: TheServices, intake: TheIntake) -> UploadOut:
    """Take in what was put into the storage. It has to be the file that was announced, and an image."""
    return UploadOut.of(await intake.run(caller.tenant, complete, caller.tenant, upload_id, services=services))


@router.get("/{upload_id}", summary="Get an upload")
def get_upload(upload_id: str, caller: Reader, services: TheServices) -> UploadOut:
    """Say what an upload is, and whether it is ready."""
    return UploadOut.of(services.uploads.find(caller.tenant, upload_id))


@router.delete("/{upload_id}", status_code=204, summary="Delete an upload")
def delete_upload(upload_id: str, caller: Writer, services: TheServices) -> None:
    """Delete an upload. Jobs that name it keep its image for themselves."""
    forget_upload(caller.tenant, upload_id, services=services)
