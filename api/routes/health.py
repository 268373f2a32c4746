"""`/livez`, `/readyz`: for whoever watches over the process."""

from __future__ import annotations

from fastapi import APIRouter

from api.deps import TheServices

router = APIRouter(tags=["health"])


@router.get("/livez", summary="Is the process alive?")
async def livez() -> dict[str, str]:
    """Answer, whatever the state of the stores."""
    return {"status": "alive"}


@router.get("/readyz", summary="Can it take jobs?")
def readyz(services: TheServices) -> dict[str, str]:
    """Answer 200 when the job store and the object storage do, 503 otherwise."""
    services.jobs.ping()
    services.blobs.ping()
    return {"status": "ready"}
