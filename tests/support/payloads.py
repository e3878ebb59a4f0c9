"""What wakes the function, one JSON file a trigger in tests/payloads, with what a test changes in it.

A payload with HTTP intent has the headers and the body that the gateway passes; every other is a body.
"""

import json
from pathlib import Path

from functions.triggers.call import Call

DIRECTORY = Path(__file__).parents[1] / "payloads"
NAMES = sorted(file.stem for file in DIRECTORY.glob("*.json"))
_HEADER = "Fn-Http-H-"


def payload(name, changes=None):
    """Return a payload; `changes` replace parts of it, at any depth."""
    return _changed(json.loads((DIRECTORY / f"{name}.json").read_text()), changes or {})


def webhook_body(name="webhook", *, timestamp, **changes):
    """Return the body of a webhook, as bytes; `project` changes parts of the project."""
    body = payload(name)["body"]
    return json.dumps(_changed(body, {"timestamp": timestamp, **changes})).encode()


def call(name):
    """Return a payload as the call that reaches the function."""
    whole = payload(name)
    if "headers" not in whole:
        return Call(json.dumps(whole).encode())
    headers = {
        header.removeprefix(_HEADER).lower(): value
        for header, value in whole["headers"].items()
        if header.startswith(_HEADER)
    }
    method, url = (whole["headers"][f"Fn-Http-{part}"] for part in ("Method", "Request-Url"))
    return Call(json.dumps(whole["body"]).encode(), method, url, headers)


def _changed(whole, changes):
    for key, value in changes.items():
        is_part = isinstance(value, dict) and isinstance(whole.get(key), dict)
        whole[key] = _changed(whole[key], value) if is_part else value
    return whole
