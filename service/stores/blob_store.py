"""Bytes in S3-compatible storage. Two addresses: the service's own, and the public one that URLs are signed for."""

from __future__ import annotations

from functools import wraps
from threading import Lock
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from service.errors import BlobStoreUnavailable, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

    from service.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

_ABSENT = {"404", "NoSuchKey", "NotFound", "NoSuchBucket"}


def _translated(call: Callable[P, R]) -> Callable[P, R]:
    @wraps(call)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except ClientError as error:
            raise BlobStoreUnavailable(f"S3: {_code(error)}") from error
        except BotoCoreError as error:
            raise BlobStoreUnavailable(f"S3: {type(error).__name__}") from error

    return guarded


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _client(settings: Settings, endpoint: str | None, *, patient: bool) -> S3Client:
    key, secret = settings.s3_access_key_id, settings.s3_secret_access_key
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": settings.s3_addressing},
        connect_timeout=3 if patient else 1,
        read_timeout=20 if patient else 2,
        retries={"mode": "standard", "total_max_attempts": 4 if patient else 1},
        # Other makers' S3 do not all know the newer trailing checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=key.get_secret_value() if key else None,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        config=config,
    )


class BlobStore:
    """The bucket. Every method raises BlobStoreUnavailable when S3 is out of reach or refuses.

    The clients are made when they are first used, for making one may look for credentials over the network.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bucket = settings.s3_bucket
        self._clients: dict[tuple[str | None, bool], S3Client] = {}
        self._making = Lock()

    @property
    def _s3(self) -> S3Client:
        return self._client(self._settings.s3_endpoint)

    @property
    def _public(self) -> S3Client:
        return self._client(self._settings.s3_public_endpoint or self._settings.s3_endpoint)

    def _client(self, endpoint: str | None, *, patient: bool = True) -> S3Client:
        with self._making:  # boto3 makes clients on one thread at a time
            if (endpoint, patient) not in self._clients:
                self._clients[endpoint, patient] = _client(self._settings, endpoint, patient=patient)
            return self._clients[endpoint, patient]

    @_translated
    def ping(self) -> None:
        """Return when the bucket answers; who asks wants to know within seconds."""
        self._client(self._settings.s3_endpoint, patient=False).head_bucket(Bucket=self._bucket)

    @_translated
    def ensure_bucket(self) -> None:
        """Make the bucket unless it is there."""
        try:
            self._s3.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if _code(error) not in _ABSENT:
                raise
            self._make_bucket()

    def _make_bucket(self) -> None:
        where: dict[str, Any] = {}
        if self._settings.s3_region != "us-east-1":  # AWS takes this region only by silence
            where["CreateBucketConfiguration"] = {"LocationConstraint": self._settings.s3_region}
        try:
            self._s3.create_bucket(Bucket=self._bucket, **where)
        except ClientError as error:
            if _code(error) not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                raise

    @_translated
    def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """Store bytes under a key."""
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)

    @_translated
    def get(self, key: str) -> bytes:
        """Read the bytes under a key.

        Raises:
            NotFound: there are none.
        """
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if _code(error) in _ABSENT:
                raise NotFound("object", key) from error
            raise

    @_translated
    def delete_prefix(self, prefix: str) -> int:
        """Delete every object whose key starts with `prefix`; return how many there were."""
        count = 0
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                self._s3.delete_object(Bucket=self._bucket, Key=entry["Key"])
                count += 1
        return count

    @_translated
    def keys(self, prefix: str) -> list[str]:
        """List the keys that start with `prefix`."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    @_translated
    def presign(self, key: str, *, filename: str, content_type: str, ttl_s: int) -> str:
        """Sign a public URL for one object, which serves it with a fixed type and as a download."""
        return self._public.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ResponseContentType": content_type,
                "ResponseContentDisposition": f'attachment; filename="{filename}"',
            },
            ExpiresIn=ttl_s,
        )

    def close(self) -> None:
        """Let go of the connections."""
        for client in self._clients.values():
            client.close()
