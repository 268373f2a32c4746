"""Why a store is out of reach, as far as its driver tells: for people who have to mend it."""

from __future__ import annotations

import socket
import ssl
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import TYPE_CHECKING

import redis
from botocore import exceptions as s3
from redis import exceptions as responses
from redis.sentinel import MasterNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Trouble(Enum):
    """What keeps us from a server."""

    REFUSED = auto()  # nothing listens
    SILENT = auto()  # no answer in time
    UNKNOWN_HOST = auto()
    CLOSED = auto()  # it hung up
    STRANGER = auto()  # something else listens there
    NO_MASTER = auto()  # no sentinel names one
    TLS = auto()
    CERTIFICATE = auto()
    NO_CREDENTIALS = auto()  # we have none
    CREDENTIALS = auto()  # they are wrong
    PERMISSION = auto()
    LOADING = auto()
    READ_ONLY = auto()
    FULL = auto()  # of memory
    DISK = auto()
    NO_BUCKET = auto()
    REGION = auto()
    CLOCK = auto()
    OTHER = auto()


_KINDS: tuple[tuple[type[BaseException], Trouble], ...] = (
    (ssl.SSLCertVerificationError, Trouble.CERTIFICATE),
    (ssl.SSLError, Trouble.TLS),
    (MasterNotFoundError, Trouble.NO_MASTER),
    (socket.gaierror, Trouble.UNKNOWN_HOST),
    (ConnectionRefusedError, Trouble.REFUSED),
    (FileNotFoundError, Trouble.REFUSED),  # a unix socket
    (redis.AuthenticationError, Trouble.CREDENTIALS),
    (responses.NoPermissionError, Trouble.PERMISSION),
    (redis.BusyLoadingError, Trouble.LOADING),
    (redis.ReadOnlyError, Trouble.READ_ONLY),
    (responses.OutOfMemoryError, Trouble.FULL),
    (redis.TimeoutError, Trouble.SILENT),
    (TimeoutError, Trouble.SILENT),
    (redis.InvalidResponse, Trouble.STRANGER),
    (redis.ConnectionError, Trouble.CLOSED),
    (s3.NoCredentialsError, Trouble.NO_CREDENTIALS),
    (s3.PartialCredentialsError, Trouble.NO_CREDENTIALS),
    (s3.CredentialRetrievalError, Trouble.NO_CREDENTIALS),
    (s3.ConnectTimeoutError, Trouble.SILENT),
    (s3.ReadTimeoutError, Trouble.SILENT),
    (s3.EndpointConnectionError, Trouble.REFUSED),
    (s3.ConnectionClosedError, Trouble.CLOSED),
)
"""An error brings those behind it along; the first line that fits any of them counts."""

_CODES = {
    **dict.fromkeys(
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"), Trouble.CREDENTIALS
    ),
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "AccountProblem", "403"), Trouble.PERMISSION),
    **dict.fromkeys(("NoSuchBucket", "404"), Trouble.NO_BUCKET),
    **dict.fromkeys(
        ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301", "400"),
        Trouble.REGION,
    ),
    "RequestTimeTooSkewed": Trouble.CLOCK,
}
"""S3's codes; an answer to HEAD has no body, so that its status stands for one."""


def trouble_of(error: BaseException) -> Trouble:
    """Say what is behind an error of ours."""
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, s3.ClientError):
            return _CODES.get(str(one.response.get("Error", {}).get("Code")), Trouble.OTHER)
        if isinstance(one, TimeoutError) and "handshake" in str(one):  # whoever listens there waits for plain words
            return Trouble.TLS
        if isinstance(one, redis.ResponseError) and str(one).startswith("MISCONF"):
            return Trouble.DISK
    return next((t for kind, t in _KINDS if any(isinstance(one, kind) for one in chain)), Trouble.OTHER)


def time_told(error: BaseException) -> float | None:
    """Read from S3's answer what time it was there, in seconds since 1970, good to half of one; None: it didn't say."""
    for one in _chain(error):
        if isinstance(one, s3.ClientError):
            date = one.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
            return parsedate_to_datetime(date).timestamp() + 0.5 if date else None  # whole seconds, cut off
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
