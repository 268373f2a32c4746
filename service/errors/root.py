"""The root of the tree."""

from __future__ import annotations

from typing import ClassVar


class ImpastoError(Exception):
    """Base of the tree."""

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong on our side"
    retryable: ClassVar[bool] = False
