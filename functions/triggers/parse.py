"""Bytes → one typed trigger, authenticated. Nothing is read from outside before that."""

from datetime import datetime
from urllib.parse import parse_qsl

from pydantic import ValidationError

from functions.errors import InvalidInput
from functions.plan.sync_config import describe
from functions.triggers.call import ApiRequest, Call, Ignored, Tick, json_object
from functions.triggers.command import ApiCommand, Command, WrongCommand
from functions.triggers.oci_event import ALARM_TYPES, TICKING, ResourceEvent, parse_resource_event
from functions.triggers.webhook import WEBHOOK_PATH, Webhook, WebhookSecrets, parse_webhook

MAX_BODY_BYTES = 6 * 1024 * 1024

Trigger = Webhook | ResourceEvent | Tick | Ignored | ApiRequest | Command


def parse(call: Call, secrets: WebhookSecrets, now: datetime) -> Trigger:
    """Return the trigger. Raises InvalidInput, Rejected."""
    if len(call.body) > MAX_BODY_BYTES:
        raise InvalidInput(f"The body is larger than {MAX_BODY_BYTES} bytes.")
    if call.method is None:
        return _parse_event(call.body)
    path, _, query_text = call.url.partition("?")
    path = path.rstrip("/") or "/"
    if path.endswith(WEBHOOK_PATH):
        if call.method != "POST":
            raise InvalidInput("A webhook is delivered by POST.")
        return parse_webhook(call, secrets, now)
    query = dict(parse_qsl(query_text, keep_blank_values=True))
    return ApiRequest(call.method, path, query, call.headers, call.body)


def _parse_event(body: bytes) -> Trigger:
    """Tell alarm messages, OCI events, scheduler bodies and commands apart."""
    if not body.strip():
        return Tick()
    data = json_object(body)
    fields = {name.lower(): value for name, value in data.items()}
    if "command" in data:
        try:
            if data["command"] == "api":
                return ApiCommand.model_validate(data).request
            command = Command.model_validate(data)
        except ValidationError as error:
            raise WrongCommand(f"The command is wrong. {describe(error)}") from None
        return Tick() if command.command == "tick" else command
    if "eventtype" in fields:
        return parse_resource_event(fields)
    kind = str(fields.get("type"))
    if kind in ALARM_TYPES:
        return Tick() if kind in TICKING else Ignored("the alarm stopped firing")
    raise InvalidInput(
        "This is neither a command, an OCI event nor an alarm message. "
        'A command looks like {"command": "sync", "sync": "<name or id>"}.'
    )
