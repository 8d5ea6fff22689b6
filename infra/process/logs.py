"""Logging: an event name with keys, readable on a terminal, JSON elsewhere; numbers masked, secrets never.

Two nets: values are masked by their keys before rendering, and the rendered line is masked once more as text.
Lines are buffered for a moment, because a write a line costs a gateway more than everything else about the line.
"""

import asyncio
import atexit
import logging
import sys
from collections.abc import Callable, Collection, Mapping, MutableMapping
from typing import Any, BinaryIO

import orjson
import structlog
from structlog.typing import EventDict, Processor

from infra.process.masking import mask_event, mask_loose, mask_text, secret_masker
from infra.terminal.printable import printable

FLUSH_AFTER_SECONDS = 0.1
FLUSH_AT_LINES = 500
LEVELS: Mapping[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
NOISY = {
    "aiokafka": logging.ERROR,  # infra/kafka reports what its own callers have to know
    "aiokafka.consumer.group_coordinator": logging.CRITICAL,  # says "error" of what it tries again a moment later
    "asyncio": logging.WARNING,
    "aiohttp.access": logging.WARNING,
}


class LineWriter:
    """Where lines go: collected while an event loop runs, written together soon after; errors at once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(self, line: bytes, *, urgent: bool = False) -> None:
        """Take one line, without its end."""
        self._lines.append(line)
        if urgent or len(self._lines) >= FLUSH_AT_LINES:
            self.flush()
        elif self._timer is None:
            try:
                self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER_SECONDS, self.flush)
            except RuntimeError:  # no loop that would flush later
                self.flush()

    def flush(self) -> None:
        """Write what was collected."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            lines, self._lines = self._lines, []
            self._stream.write(b"\n".join(lines) + b"\n")
            self._stream.flush()


class _Logger:
    """What structlog calls at the end: hands the rendered line to the writer."""

    def __init__(self, writer: LineWriter, name: str) -> None:
        self._writer = writer
        self.name = name

    def debug(self, line: str) -> None:
        self._writer.write(line.encode())

    info = debug

    def error(self, line: str) -> None:
        self._writer.write(line.encode(), urgent=True)

    warning = warn = critical = fatal = exception = error


class _Handler(logging.Handler):
    """Brings the lines of libraries that use the standard library's logging into ours."""

    def __init__(self, writer: LineWriter, render: Callable[[EventDict], str]) -> None:
        super().__init__()
        self._writer = writer
        self._render = render

    def emit(self, record: logging.LogRecord) -> None:
        event: EventDict = {
            "event": mask_loose(record.getMessage()), "level": record.levelname.lower(), "logger": record.name,
        }  # fmt: skip
        if record.exc_info:
            event["exc_info"] = record.exc_info
        self._writer.write(self._render(event).encode(), urgent=record.levelno >= logging.WARNING)


def configure_logging(
    *, level: str, form: str, service: str = "", secrets: Collection[str] = (), stream: BinaryIO | None = None
) -> LineWriter:
    """Set up logging for this process. `level` and `form` as LOG_LEVEL and LOG_FORMAT; `secrets` never come out."""
    stream = stream or sys.stderr.buffer
    console = form == "console" or (form == "auto" and stream.isatty())
    writer = LineWriter(stream)
    atexit.register(writer.flush)
    last = _rendering(secrets, console=console, colours=stream.isatty(), service=service)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.stdlib.add_log_level,
                    structlog.stdlib.add_logger_name, *last],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *names: _Logger(writer, names[0] if names else service),
        cache_logger_on_first_use=True,
    )  # fmt: skip
    handler = _Handler(writer, lambda event: _chain(last, event))
    logging.basicConfig(handlers=[handler], level=LEVELS[level], force=True)
    for name, least in NOISY.items():
        logging.getLogger(name).setLevel(max(least, LEVELS[level]))
    return writer


def _rendering(secrets: Collection[str], *, console: bool, colours: bool, service: str) -> list[Processor]:
    without_secrets = secret_masker(secrets)

    def mask_keys(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> EventDict:
        return mask_event(dict(event) | ({"service": service} if service and not console else {}))

    def mask_line(_logger: Any, _method: str, line: Any) -> str:
        return without_secrets(mask_text(line if isinstance(line, str) else line.decode()))

    # other formatters of exceptions print local variables, and with them what nobody masked
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer(serializer=orjson.dumps, default=str)
    )
    harmless: list[Processor] = [_harmless] if console else []  # JSON writes such characters out by itself
    return [
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp" if console else "at"),
        structlog.processors.format_exc_info,
        mask_keys,
        *harmless,
        renderer,
        mask_line,
    ]


def _harmless(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> EventDict:
    """Texts in which a terminal finds nothing to obey; what is no text is shown as Python writes it."""
    return {key: printable(value) if isinstance(value, str) else value for key, value in event.items()}


def _chain(processors: list[Processor], event: EventDict) -> str:
    result: Any = event
    for processor in processors:
        result = processor(None, "", result)
    return str(result)
