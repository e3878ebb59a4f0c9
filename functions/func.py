"""The entry point: `fdk …/functions/func.py handler` loads this file as a top-level module."""

import gc
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from io import BytesIO
from logging import getLogger
from pathlib import Path
from typing import Any

from fdk.response import Response

if (root := str(Path(__file__).resolve().parent.parent)) not in sys.path:
    sys.path.insert(0, root)

# Collecting garbage while everything is loaded takes an eighth of a cold start, and finds nothing;
# pydantic would look for plugins in every installed package.
gc.disable()
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from functions import log as logs  # noqa: E402

logs.set_up(os.environ.get("LOG_LEVEL", "INFO"))

from functions.app import App  # noqa: E402
from functions.calls.clock import SystemClock  # noqa: E402
from functions.errors import Rejected, SyncError  # noqa: E402
from functions.log import TRACE  # noqa: E402
from functions.reply import Reply, refusal  # noqa: E402
from functions.settings import load_settings  # noqa: E402
from functions.triggers.call import Call  # noqa: E402

gc.freeze()
gc.enable()

log = getLogger("functions")


@lru_cache(maxsize=1)
def _app() -> App:
    return App(load_settings(os.environ), SystemClock(), os.environ)


def handler(ctx: Any, data: BytesIO | None = None) -> Response:
    """Answer one call. Without HTTP intent errors are raised: a Response would count as success."""
    headers = _plain(ctx.HTTPHeaders())
    is_http = bool(headers) or ctx.Headers().get("fn-intent") == "httprequest"
    # With HTTP intent the platform's own headers may be a caller's.
    principal = None if is_http else _plain(ctx.Headers()).get("oci-subject-id")
    TRACE.begin(headers, ctx.CallID(), principal)
    if is_http:
        # The intent is the platform's word. The FDK lets a caller's header of that name replace it, and
        # then forgets the status of the answer.
        ctx.Headers()["fn-intent"] = "httprequest"
    call = Call(
        body=data.getvalue() if data else b"",
        method=(ctx.Method() or "").upper() if is_http else None,
        url=ctx.RequestURL() or "",
        headers=headers,
    )
    try:
        reply = _console(call) or _app().handle(call, _seconds_until(ctx.Deadline()))
    except SyncError as error:
        log.error("%s", error)  # noqa: TRY400 - the message says it all
        if not is_http:
            raise
        reply = refusal(error)
    except Exception as error:  # noqa: BLE001 - its text might hold anything
        log.critical("unexpected %s at %s", type(error).__name__, logs.where(error))
        if not is_http:
            raise SyncError(f"An unexpected {type(error).__name__}; see the log.") from None
        reply = refusal(SyncError("Something went wrong"), HTTPStatus.INTERNAL_SERVER_ERROR)
    if reply.status >= HTTPStatus.BAD_REQUEST:
        reply = replace(reply, body={"reqId": f"req-{ctx.CallID()[-14:]}", **reply.body})
    return Response(
        ctx,
        response_data=reply.content,
        headers={
            "Content-Type": reply.content_type,
            "opc-request-id": TRACE.request_id or "",
            **reply.headers,
        },
        status_code=reply.status,
    )


def _console(call: Call) -> Reply | None:
    """Return the web page to who asks for it; it needs no settings, so that it can tell what is wrong."""
    path = call.url.partition("?")[0].rstrip("/")
    if call.method != "GET" or "/api/v1/" in path or not path.endswith("/console"):
        return None
    if os.environ.get("CONSOLE", "on").strip() != "on":
        raise Rejected(404, "The console of this function is off (CONSOLE).")
    from functions.console import page  # noqa: PLC0415 - nothing else needs it

    return page()


def _plain(headers: dict[str, Any]) -> dict[str, str]:
    """Return each header once: one that is given twice comes as a list."""
    return {
        name.lower(): value[0] if isinstance(value, list) else str(value)
        for name, value in headers.items()
    }


def _seconds_until(deadline: str) -> float:
    return (datetime.fromisoformat(deadline) - datetime.now(UTC)).total_seconds()
