"""What a caller asked for and can't have as asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from service.errors.root import ImpastoError

Reason = Literal["format", "damaged", "size", "pages", "invisible", "effort", "other_file"]
"""Why an image can't be used, in a word."""
REASONS: frozenset[Reason] = frozenset(get_args(Reason))


class Refused(ImpastoError):
    """Raised when the caller asked for something that can't be done as asked."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field: its JSON pointer (RFC 6901) into the request body, and a sentence."""

    pointer: str
    detail: str


def pointer_to(*names: str | int) -> str:
    """Write the JSON pointer (RFC 6901) of a member, by the names and numbers that lead there."""
    return "".join("/" + str(name).replace("~", "~0").replace("/", "~1") for name in names)


class InvalidSpec(Refused):
    """Raised when fields of a request are wrong; `problems` names each."""

    code = "invalid_spec"
    title = "The request has invalid fields"

    def __init__(self, *problems: FieldProblem) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{p.pointer or '/'}: {p.detail}" for p in problems))


class InvalidImage(Refused):
    """Raised when bytes are no picture that this service takes; `reason` is for who counts them."""

    code = "invalid_image"
    title = "The image can't be used"

    def __init__(self, detail: str, *, reason: Reason = "format") -> None:
        self.reason: Reason = reason
        super().__init__(detail)


class UploadWaiting(Refused):
    """Raised when an upload is completed or used whose bytes have not arrived, or that was not completed."""

    code = "upload_waiting"
    title = "The upload is not there yet"

    def __init__(self, upload_id: str) -> None:
        self.upload_id = upload_id
        super().__init__(f"Upload {upload_id} waits for its bytes: put them where its answer said, then complete it.")


class UrlRefused(Refused):
    """Raised when the form of a URL that a caller gave is not one that is used; nothing was sent."""

    code = "url_refused"
    title = "The URL can't be used"


class UrlUnreachable(Refused):
    """Raised when a URL that a caller gave did not answer as it should: the sentence is the same whatever happened."""

    code = "url_unreachable"
    title = "The URL can't be reached"

    def __init__(self) -> None:
        super().__init__(
            "nothing could be had from this URL: it has to be public, to answer in time, without a login, and not with "
            "more than is allowed"
        )


class TooLarge(Refused):
    """Raised when a request brings more bytes than it may."""

    code = "too_large"
    title = "The request is too large"

    def __init__(self, *, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(f"The body is larger than the {limit_bytes} bytes that are accepted here.")


class Unauthorized(Refused):
    """Raised when a call brings no key, or one that nobody knows."""

    code = "unauthorized"
    title = "A valid key is needed"


class Forbidden(Refused):
    """Raised when a key lacks the scope that a call needs."""

    code = "forbidden"
    title = "This key may not do that"

    def __init__(self, *, scope: str) -> None:
        self.scope = scope
        super().__init__(f"This call needs a key with the scope {scope!r}.")


class TooMany(Refused):
    """Raised when a key has used up what it may ask for; it may ask again in `retry_after_s` seconds."""

    retryable = True

    def __init__(self, sentence: str, *, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(sentence)


class RateLimited(TooMany):
    """Raised when a key has made as many requests as it may."""

    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__("This key has made as many requests as it may for now.", retry_after_s=retry_after_s)


class TooManyJobs(TooMany):
    """Raised when as many jobs of a key are open as may be."""

    code = "too_many_jobs"
    title = "Too many jobs are open"

    def __init__(self, *, limit: int, open_now: int) -> None:
        sentence = f"{open_now} jobs of this key are open, and at most {limit} may be: wait for some to end."
        super().__init__(sentence, retry_after_s=10)


class TooManyBytes(TooMany):
    """Raised when a key has brought as many bytes as it may within a day."""

    code = "too_many_bytes"
    title = "Too many bytes were brought"

    def __init__(self, *, limit: int, so_far: int, retry_after_s: int) -> None:
        sentence = f"This key has brought {so_far} bytes, and may bring {limit} within a day."
        super().__init__(sentence, retry_after_s=retry_after_s)


class NotFound(Refused):
    """Raised when a tenant has no such thing."""

    code = "not_found"
    title = "Not found"

    def __init__(self, what: str, name: str) -> None:
        self.what, self.name = what, name
        super().__init__(f"There is no {what} {name!r}.")


class Gone(Refused):
    """Raised when a job or a batch is asked for whose retention is over, or that was deleted."""

    code = "gone"
    title = "It is no longer kept"

    def __init__(self, what: str, name: str) -> None:
        self.what, self.name = what, name
        super().__init__(f"The {what} {name} is no longer kept: it was deleted, or its retention is over.")


class IdTaken(Refused):
    """Raised when a client gives a new job an id that another of its jobs has."""

    code = "id_taken"
    title = "The id is taken"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"The id {name} was posted before, with another spec.")


class OwnKey(Refused):
    """Raised when a key is to revoke itself, which might lock its tenant out."""

    code = "own_key"
    title = "A key does not revoke itself"

    def __init__(self) -> None:
        super().__init__("Revoke this key with another, or by `impasto keys revoke`.")


class KeyReused(Refused):
    """Raised when an idempotency key comes with another request than before."""

    code = "idempotency_key_reused"
    title = "The idempotency key was used for another request"


class NoResult(Refused):
    """Raised when one of a job's outputs is asked for and there is none; `final` says that there will be none."""

    code = "no_result"
    title = "The job has no result"

    def __init__(self, *, job_id: str, name: str, status: str, final: bool) -> None:
        self.job_id, self.name, self.status, self.final = job_id, name, status, final
        hint = "it will have none" if final else "ask again later"
        super().__init__(f"Job {job_id} is {status} and has no {name}: {hint}.")
