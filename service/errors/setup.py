"""What an operator has to do first."""

from __future__ import annotations

from service.errors.root import ImpastoError


class SetupError(ImpastoError):
    """Raised when an operator has to do something first; the message says what."""

    code = "setup"
    title = "The service is not set up"


class WeightsMissing(SetupError):
    """Raised when a network's weights are not in the cache folder."""

    code = "weights_missing"
    title = "The network's weights are missing"


class WeightsUnavailable(SetupError):
    """Raised when the source of a network's weights is out of reach."""

    code = "weights_unavailable"
    title = "The weights can't be fetched"
    retryable = True


class DigestMismatch(SetupError):
    """Raised when a file is not the one whose SHA-256 is pinned; nothing of it is kept."""

    code = "digest_mismatch"
    title = "The file is not the expected one"

    def __init__(self, *, name: str, expected: str, actual: str) -> None:
        self.name, self.expected, self.actual = name, expected, actual
        super().__init__(
            f"{name}: expected SHA-256 {expected}, got {actual}. The file was not kept; "
            "try again, and if it happens again, do not trust the source."
        )


class StackError(SetupError):
    """Raised when the embedded stack can't start or stay up."""

    code = "stack"
    title = "The embedded stack can't run"
