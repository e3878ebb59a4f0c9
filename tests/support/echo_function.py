"""A function that shows what reaches a function, for the tests of the local host and gateway."""

import json
import os
import sys
import time

from fdk.response import Response


def handler(ctx, data):
    """Do what the JSON body orders, and answer with what arrived."""
    body = data.getvalue()
    order = json.loads(body) if body.startswith(b"{") else {}
    if "raise" in order:
        raise RuntimeError(order["raise"])
    if "exit" in order:
        os._exit(order["exit"])
    if "log" in order:
        sys.stderr.write(f"{order['log']}\n")
        sys.stderr.flush()
    time.sleep(order.get("sleep", 0))
    seen = {
        "method": ctx.Method(),
        "url": ctx.RequestURL(),
        "headers": ctx.HTTPHeaders(),
        "all_headers": ctx.Headers(),
        "deadline": ctx.Deadline(),
        "call": ctx.CallID(),
        "body": body[:100].decode("latin-1"),
        "size": len(body),
        "pid": os.getpid(),
        "function": ctx.FnID(),
    }
    return Response(
        ctx,
        json.dumps(seen),
        headers={"Content-Type": "application/json", "X-Own": "yes"},
        status_code=order.get("status", 200),
    )
