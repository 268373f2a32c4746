"""Every setting once, with its unit and default, read from `IMPASTO_…` variables.

Nothing else reads the environment, but for the folder of the weights (`IMPASTO_WEIGHTS_DIR`, in
`workers/painter/weights.py`), which is needed without a service too. Secrets may lie in files instead, where a
container finds them: in `IMPASTO_SECRETS_DIR`.

Development is the default and works with nothing set beside the addresses that `impasto up` gives. Production
(`IMPASTO_ENVIRONMENT=production`) refuses whatever is only safe on one's own machine.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    FilePath,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.address import read_address
from service.errors import SetupError

Precision = Literal["auto", "float32"]


class Settings(BaseSettings):
    """The whole configuration of one process, frozen."""

    model_config = SettingsConfigDict(env_prefix="IMPASTO_", frozen=True, extra="ignore", hide_input_in_errors=True)

    environment: Literal["development", "production"] = "development"

    redis_url: SecretStr = Field(SecretStr("redis://127.0.0.1:6379/0"), description="Job store and broker.")
    redis_sentinel_password: SecretStr | None = Field(None, description="Of the sentinels; the URL has the server's.")
    redis_ca_file: FilePath | None = Field(None, description="PEM: a private CA that signed Redis's certificates.")
    redis_prefix: str = Field("impasto:", description="Stands before every key, the broker's too.")
    durable_submit: Literal["everysec", "fsync"] = Field(
        "everysec", description="fsync: a job is accepted only when Redis has it on its disk (WAITAOF)."
    )
    durable_replicas: NonNegativeInt = Field(
        0, description="With fsync: a job is accepted only when so many replicas have it on their disks too."
    )

    s3_endpoint: str | None = Field(None, description="Where the service reaches S3; unset: AWS.")
    s3_public_endpoint: str | None = Field(
        None, description="Where clients reach S3, what presigned URLs name; unset: s3_endpoint."
    )
    s3_region: str = "us-east-1"
    s3_bucket: str = "impasto"
    s3_prefix: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9_./-]*)?$",  # no slash in front: others' S3 take it for nothing
        description="Stands before every object's key, so that two installations can share a bucket.",
    )
    s3_access_key_id: SecretStr | None = Field(None, description="Unset: boto3 looks where it always does.")
    s3_secret_access_key: SecretStr | None = None
    s3_addressing: Literal["path", "virtual"] = "path"
    s3_ca_file: FilePath | None = Field(None, description="PEM: a private CA that signed S3's certificate.")
    s3_sse: Literal["AES256", "aws:kms"] | None = Field(
        None, description="Asked for with every object that is stored: encryption by the server."
    )
    s3_kms_key_id: str | None = Field(None, description="The key of aws:kms; unset: the account's own.")
    presign_ttl_s: PositiveInt = Field(900, description="A presigned URL works at least this long.")

    upload_max_bytes: PositiveInt = Field(32 * 1024**2, description="Largest body of a request.")
    direct_upload_max_bytes: PositiveInt = Field(
        128 * 1024**2, description="Largest file that a client puts into the storage itself."
    )
    image_max_pixels: PositiveInt = Field(40_000_000, description="Width × height of an image, at most.")
    image_max_side: PositiveInt = Field(16_384, description="Longest side of an image, in pixels.")
    image_max_aspect: PositiveFloat = Field(16.0, description="Longest over shortest side, at most.")
    ingest_at_once: PositiveInt | None = Field(
        None, description="Images decoded at the same time by one API process; unset: one a core."
    )
    ingest_memory_bytes: PositiveInt = Field(
        1280 * 1024**2, description="Memory that decoding one image may take; of 16 bits a pixel takes up to 25 bytes."
    )
    ingest_cpu_s: PositiveFloat = Field(8.0, description="Seconds of computing that decoding one image may take.")
    size_max: int = Field(
        2048,
        ge=64,
        le=8192,
        description="Longest side that is painted here; see docs/estimates.md for the memory that it takes.",
    )
    upload_ttl_s: PositiveInt = Field(86_400, description="An upload that no job names is forgotten after this.")

    fetch_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hosts, host:port or networks that images may be fetched from and webhooks sent to although they "
        "are not public, over http too; separated by commas.",
    )

    lease_ttl_s: PositiveFloat = Field(15.0, description="A worker that is silent this long has lost its job.")
    keeper_interval_s: PositiveFloat = Field(1.0, description="Between two rounds of the keeper.")
    queue_max: PositiveInt = Field(10_000, description="Jobs that may wait, over all tenants; more are put off.")
    key_requests_per_minute: PositiveInt = Field(6000, description="How fast a key's allowance of requests comes back.")
    key_burst: PositiveInt = Field(600, description="Requests that a key may make at once.")
    key_jobs_in_flight: PositiveInt = Field(2000, description="Jobs of one key that may be open at the same time.")
    key_bytes_per_day: PositiveInt = Field(20 * 1024**3, description="Bytes that a key's requests may bring in a day.")
    tenant_running_max: PositiveInt = Field(64, description="Jobs of one tenant painted at the same time.")
    run_max_s: int = Field(3600, ge=1, le=86_400, description="A job may not run for longer, all attempts together.")
    sweep_interval_s: PositiveFloat = Field(
        3600.0, description="Between two searches for objects in the bucket that no job and no upload needs."
    )
    storage_patience_s: PositiveFloat = Field(
        120.0, description="A worker waits this long for S3 before it gives its job back."
    )

    paint_memory_bytes: PositiveInt | None = Field(
        None, description="Memory that one worker may take for painting; unset: all that its device has."
    )
    torch_threads: PositiveInt | None = Field(None, description="Threads of one worker; unset: all cores.")
    precision: Precision = Field(
        "auto", description="What slopes are computed in: auto is bfloat16 where a device has it in hardware."
    )

    api_host: str = "127.0.0.1"
    api_port: int = Field(8000, ge=0, le=65_535)
    head_timeout_s: PositiveFloat = Field(15.0, description="Within which a request's line and headers must arrive.")
    body_timeout_s: PositiveFloat = Field(300.0, description="Within which a request's whole body must arrive.")
    body_pause_s: PositiveFloat = Field(20.0, description="That a body may stand still while it arrives.")
    answer_pause_s: PositiveFloat = Field(60.0, description="That a client may leave an answer unread.")
    keep_alive_s: PositiveFloat = Field(
        75.0,
        description="That a connection may wait for its next request; longer than clients and proxies keep theirs, for "
        "whoever closes first must not be the one that has just been sent a request.",
    )

    watch_host: str = "127.0.0.1"
    watch_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        description="Where each process answers /livez, /readyz and /metrics to whoever watches; unset: nowhere.",
    )
    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Where traces are sent, by OTLP over HTTP, such as http://collector:4318; unset: none are made.",
    )

    log_format: Literal["console", "json"] = "console"

    @field_validator("fetch_allow", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(entry.strip() for entry in value.split(",") if entry.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        read_address(self.redis_url.get_secret_value())
        if self.durable_replicas and self.durable_submit != "fsync":
            raise ValueError("IMPASTO_DURABLE_REPLICAS needs IMPASTO_DURABLE_SUBMIT=fsync")
        if self.s3_kms_key_id and self.s3_sse != "aws:kms":
            raise ValueError("IMPASTO_S3_KMS_KEY_ID needs IMPASTO_S3_SSE=aws:kms")
        return self

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.environment == "production":
            if read_address(self.redis_url.get_secret_value()).password is None:
                raise ValueError("IMPASTO_REDIS_URL needs a password in production (rediss://:password@host:port/0)")
            if (self.s3_public_endpoint or self.s3_endpoint or "https:").startswith("http:"):
                raise ValueError("IMPASTO_S3_PUBLIC_ENDPOINT must be https in production")
        return self


def read_settings() -> Settings:
    """Read the environment, and the files of `IMPASTO_SECRETS_DIR`, each named as a variable in lower case.

    A variable that is set counts more than its file.

    Raises:
        SetupError: naming each variable that is wrong, without its value.
    """
    folder = os.environ.get("IMPASTO_SECRETS_DIR")
    if folder is not None and not Path(folder).is_dir():
        raise SetupError(f"The settings are wrong:\n  IMPASTO_SECRETS_DIR: {folder} is no folder.")
    try:
        return Settings(_secrets_dir=folder)
    except ValidationError as error:
        lines = [
            f"  {'IMPASTO_' + str(e['loc'][0]).upper() + ': ' if e['loc'] else ''}{e['msg']}" for e in error.errors()
        ]
        raise SetupError("The settings are wrong:\n" + "\n".join(lines)) from None
