"""What S3 lets anybody do who shows no credentials: nothing, where the bucket is private."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from service.errors import BlobStoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_s3 import S3Client

    from service.settings import Settings


def open_to_anyone(settings: Settings, key: str, data: bytes) -> frozenset[str]:
    """Say which of `list`, `read` and `write` S3 allows to anybody, at the service's address or the clients'.

    Args:
        settings: where S3 is.
        key: of an object that is there, without the settings' prefix; it may be written over.
        data: its bytes.

    Raises:
        BlobStoreUnavailable: one of the addresses can't be reached from here, and is not a loopback: a container's is
            another than that of the machine, and no stranger reaches either.
    """
    allowed = _open_at(settings.s3_endpoint, settings, key, data)
    public = settings.s3_public_endpoint
    if public in {None, settings.s3_endpoint}:
        return allowed
    try:
        return allowed | _open_at(public, settings, key, data)
    except BlobStoreUnavailable:
        if _is_loopback(public):
            return allowed
        raise


def _is_loopback(endpoint: str | None) -> bool:
    host = urlsplit(endpoint or "").hostname or ""
    return host in {"localhost", "127.0.0.1", "::1"}


def _open_at(endpoint: str | None, settings: Settings, key: str, data: bytes) -> frozenset[str]:
    bucket, at = settings.s3_bucket, settings.s3_prefix + key
    with closing(_client(endpoint, settings)) as s3:

        def read() -> None:
            s3.get_object(Bucket=bucket, Key=at)["Body"].close()

        deeds: Mapping[str, Callable[[], object]] = {
            "list": lambda: s3.list_objects_v2(Bucket=bucket, MaxKeys=1),
            "read": read,
            "write": lambda: s3.put_object(Bucket=bucket, Key=at, Body=data),
        }
        return frozenset(name for name, deed in deeds.items() if _allowed(deed))


def _client(endpoint: str | None, settings: Settings) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=settings.s3_region,
        verify=str(settings.s3_ca_file) if settings.s3_ca_file else None,
        config=Config(
            signature_version=UNSIGNED,
            s3={"addressing_style": settings.s3_addressing},
            connect_timeout=1,
            read_timeout=2,
            retries={"mode": "standard", "total_max_attempts": 1},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _allowed(deed: Callable[[], object]) -> bool:
    try:
        deed()
    except ClientError:
        return False
    except BotoCoreError as error:
        raise BlobStoreUnavailable(f"S3: {type(error).__name__}") from error
    return True
