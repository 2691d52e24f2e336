"""Logs: one JSON line per event on stderr, scrubbed, whoever wrote it."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from django.conf import settings

from runtime.scrubbing import scrub, scrub_text

_OWN_KEYS = {"level", "timestamp", "logger"}
_QUIET = ("httpx2", "httpcore2", "httpx", "httpcore", "pika", "asyncio", "PIL", "faker", "factory")
_LOUD = ("django", "django.request", "django.server", "uvicorn", "uvicorn.error", "uvicorn.access", "dramatiq")
_LONGEST_TRACEBACK = 6_000


class _Stderr(logging.Handler):
    """Writes to what `sys.stderr` is at the moment of writing, each line whole."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 (a line that can't be written must not stop the work it tells of)
            self.handleError(record)


def _scrubbed(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    own = {name: event.pop(name) for name in _OWN_KEYS if name in event}
    trace = event.pop("exception", None)
    clean: dict[str, Any] = scrub(event)
    if trace:
        # A traceback's end names what went wrong.
        clean["exception"] = scrub_text(str(trace)[-_LONGEST_TRACEBACK:])
    return {**own, **clean}


def configure() -> None:
    """Set logging up; calling it again changes only the level."""
    level = logging.getLevelNamesMapping().get(settings.LOG_LEVEL.upper(), logging.INFO)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.processors.StackInfoRenderer(),
                structlog.processors.format_exc_info,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _scrubbed,
                structlog.processors.JSONRenderer(ensure_ascii=True),
            ],
        )
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Stderr)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _LOUD:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
