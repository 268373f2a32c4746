"""Bytes in S3-compatible storage. Two addresses: the service's own, and the public one that URLs are signed for."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import wraps
from threading import Lock
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from service.errors import BlobStoreUnavailable, BucketMissing, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_s3 import S3Client

    from service.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

BATCH = 1000
"""S3 lists and deletes at most so many objects at once."""

_SSE_HEADERS = {
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}
_ABSENT = {"404", "NoSuchKey", "NotFound"}
_DENIED = {"403", "AccessDenied"}


def _translated(call: Callable[Concatenate[BlobStore, P], R]) -> Callable[Concatenate[BlobStore, P], R]:
    @wraps(call)
    def guarded(store: BlobStore, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(store, *args, **kwargs)
        except ClientError as error:
            raise _refusal(error, store.bucket) from error
        except BotoCoreError as error:
            raise BlobStoreUnavailable(f"S3: {type(error).__name__}") from error

    return guarded


def _refusal(error: ClientError, bucket: str) -> BlobStoreUnavailable:
    code, asked = _code(error), error.operation_name
    if code == "NoSuchBucket" or (asked == "HeadBucket" and code in _ABSENT):
        return BucketMissing(bucket=bucket)
    why = " (wrong credentials, no permission, or somebody else's bucket)" if code in _DENIED else ""
    return BlobStoreUnavailable(f"S3 refused {asked} in the bucket {bucket}: {code}{why}")


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
        verify=str(settings.s3_ca_file) if settings.s3_ca_file else None,
        config=config,
    )


def _encryption(settings: Settings) -> Mapping[str, Any]:
    asked = {"ServerSideEncryption": settings.s3_sse, "SSEKMSKeyId": settings.s3_kms_key_id}
    return {name: value for name, value in asked.items() if value}


@dataclass(frozen=True, slots=True)
class PresignedPut:
    """Where one file can be put, and the headers that have to come with it."""

    url: str = field(repr=False)
    headers: Mapping[str, str]


class BlobStore:
    """The bucket. Every method raises BlobStoreUnavailable when S3 is out of reach or refuses.

    Callers' keys lack the prefix of the settings, which stands before every key in the bucket.
    The clients are made when they are first used, for making one may look for credentials over the network.
    """

    def __init__(self, settings: Settings) -> None:
        self.bucket = settings.s3_bucket
        self._settings = settings
        self._prefix = settings.s3_prefix
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
        """Return when the bucket answers; who asks wants to know within seconds.

        Raises:
            BucketMissing: S3 answers that there is no such bucket.
        """
        self._head()

    def _head(self) -> Mapping[str, str]:
        answer = self._client(self._settings.s3_endpoint, patient=False).head_bucket(Bucket=self.bucket)
        return answer["ResponseMetadata"]["HTTPHeaders"]

    @_translated
    def clock_skew_s(self) -> float:
        """Return the server's time minus ours, in seconds, good to one.

        A refusal tells the time too, and S3 refuses everybody whose clock is a quarter of an hour off.
        """
        asked = time.time()
        try:
            headers = self._head()
        except ClientError as error:
            headers = error.response["ResponseMetadata"]["HTTPHeaders"]
        ours = (asked + time.time()) / 2
        if "date" not in headers:
            raise BlobStoreUnavailable("S3 did not say what time it is")
        return parsedate_to_datetime(headers["date"]).timestamp() + 0.5 - ours  # it says whole seconds, cut off

    @_translated
    def ensure_bucket(self) -> None:
        """Make the bucket unless it is there."""
        try:
            self._s3.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            if _code(error) not in _ABSENT:
                raise
            self._make_bucket()

    def _make_bucket(self) -> None:
        where: dict[str, Any] = {}
        if self._settings.s3_region != "us-east-1":  # AWS takes this region only by silence
            where["CreateBucketConfiguration"] = {"LocationConstraint": self._settings.s3_region}
        try:
            self._s3.create_bucket(Bucket=self.bucket, **where)
        except ClientError as error:
            if _code(error) not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                raise

    @_translated
    def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """Store bytes under a key, encrypted by the server as the settings ask."""
        self._s3.put_object(
            Bucket=self.bucket,
            Key=self._prefix + key,
            Body=data,
            ContentType=content_type,
            **_encryption(self._settings),
        )

    @_translated
    def get(self, key: str, *, at_most: int | None = None) -> bytes:
        """Read the bytes under a key, all or the first of them.

        Raises:
            NotFound: there are none.
        """
        try:
            with self._s3.get_object(Bucket=self.bucket, Key=self._prefix + key)["Body"] as body:
                return body.read(at_most)
        except ClientError as error:
            if _code(error) in _ABSENT:
                raise NotFound("object", key) from error
            raise

    @_translated
    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; one that is absent counts as deleted.

        Raises:
            BlobStoreUnavailable: S3 kept some, and they may be tried again.
        """
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            answer = self._s3.delete_objects(
                Bucket=self.bucket, Delete={"Objects": [{"Key": self._prefix + key} for key in batch], "Quiet": True}
            )
            if kept := answer.get("Errors"):
                raise BlobStoreUnavailable(f"S3 kept {len(kept)} of {len(batch)} objects: {kept[0].get('Code')}")

    def delete_prefix(self, prefix: str) -> int:
        """Delete every object whose key starts with `prefix`; return how many there were."""
        found = self.keys(prefix)
        self.delete(found)
        return len(found)

    @_translated
    def keys(self, prefix: str) -> list[str]:
        """List the keys that start with `prefix`."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self._prefix + prefix)
        return [entry["Key"].removeprefix(self._prefix) for page in pages for entry in page.get("Contents", ())]

    @_translated
    def page(self, after: str, limit: int = BATCH) -> list[str]:
        """List the next keys after one, in a single request: "" for the first page; an empty page ends the list.

        The order is S3's own: AWS sorts by the bytes of keys, SeaweedFS folder by folder. So `after` should be the
        last key of the page before, which may have been deleted since.

        Args:
            after: a key.
            limit: how many at most; S3 gives no more than BATCH.
        """
        start: dict[str, Any] = {"StartAfter": self._prefix + after} if after else {}
        answer = self._s3.list_objects_v2(Bucket=self.bucket, Prefix=self._prefix, MaxKeys=limit, **start)
        return [entry["Key"].removeprefix(self._prefix) for entry in answer.get("Contents", ())]

    @_translated
    def presign(self, key: str, *, filename: str, content_type: str, ttl_s: int) -> str:
        """Sign a public URL for one object, which serves it with a fixed type and as a download."""
        return self._public.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.bucket,
                "Key": self._prefix + key,
                "ResponseContentType": content_type,
                "ResponseContentDisposition": f'attachment; filename="{filename}"',
            },
            ExpiresIn=ttl_s,
        )

    def public_origin(self) -> str:
        """Give scheme, host and port of presigned URLs, however buckets are named in them."""
        signed = urlsplit(self.presign("-", filename="-", content_type="-", ttl_s=1))
        return f"{signed.scheme}://{signed.netloc}"

    @_translated
    def presign_put(self, key: str, *, sha256: str, size: int, content_type: str, ttl_s: int) -> PresignedPut:
        """Sign a public URL under which exactly one file can be stored.

        The digest, in hexadecimal, the size in bytes and the type are signed: S3 refuses any other.
        """
        digest = base64.b64encode(bytes.fromhex(sha256)).decode()
        sse = _encryption(self._settings)
        url = self._public.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self.bucket,
                "Key": self._prefix + key,
                "ContentLength": size,
                "ContentType": content_type,
                "ChecksumSHA256": digest,
                **sse,
            },
            ExpiresIn=ttl_s,
        )
        named = {name: sse[param] for param, name in _SSE_HEADERS.items() if param in sse}
        return PresignedPut(url, {"Content-Type": content_type, "x-amz-checksum-sha256": digest, **named})

    def close(self) -> None:
        """Let go of the connections."""
        for client in self._clients.values():
            client.close()
