"""One JSON line an event on stderr. `import fdk` sets the root logger to DEBUG: this undoes it."""

import logging
from pathlib import Path

from pythonjsonlogger.json import JsonFormatter

from functions.trace import TRACE

TALKATIVE = ("fdk", "fn", "oci", "urllib3", "botocore", "boto3", "s3transfer", "asyncio")
"""Libraries whose debug lines show headers, hosts or bodies: never more than their warnings."""


def set_up(level: str) -> None:
    """Send this project's log lines of at least `level` to stderr, and little else."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
    )
    handler.addFilter(_mark)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _mark(record: logging.LogRecord) -> bool:
    """Say in each line whom it is for, and in which call of the platform it was written."""
    record.__dict__.update(requestId=TRACE.request_id, callId=TRACE.call_id)
    return True


def where(error: BaseException) -> str:
    """Return the place of an unexpected error; its text might hold anything."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
