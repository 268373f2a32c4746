"""Logs: one line a fact, snake_case events with their ids; for people on a terminal, JSON in production."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, cast

import structlog

from service.redact import redacted

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

    from service.settings import Settings

_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def log() -> FilteringBoundLogger:
    """Give the logger."""
    return cast("FilteringBoundLogger", structlog.get_logger())


def configure_logging(settings: Settings) -> None:
    """Let structlog and the libraries' own loggers write to stderr in one format."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = (
        # No tracebacks with local variables: they hold keys, and take seconds to draw.
        [_TRACEBACKS, structlog.processors.JSONRenderer()]
        if settings.log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, _redact],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("httpx", "botocore", "boto3", "urllib3", "kombu", "amqp"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _redact(_logger: WrappedLogger, _method: str, line: EventDict) -> str:
    """Go over the whole line, as the renderer before has written it."""
    return redacted(str(line))
