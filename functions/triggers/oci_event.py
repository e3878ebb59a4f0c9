"""What OCI Events and alarms send."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TICKING = frozenset({"OK_TO_FIRING", "REPEAT"})
ALARM_TYPES = TICKING | {"FIRING_TO_OK", "RESET"}


@dataclass(frozen=True, slots=True)
class ResourceEvent:
    """OCI says that something happened to one of its resources."""

    type: str
    resource_name: str
    compartment_id: str
    details: Mapping[str, str]


def parse_resource_event(fields: Mapping[str, Any]) -> ResourceEvent:
    """Read an event; `fields` are its top-level ones, with names in lower case."""
    data = fields.get("data")
    data = data if isinstance(data, dict) else {}
    details = data.get("additionalDetails")
    return ResourceEvent(
        type=str(fields["eventtype"]).lower(),
        resource_name=str(data.get("resourceName") or ""),
        compartment_id=str(data.get("compartmentId") or ""),
        details={k: str(v) for k, v in details.items()} if isinstance(details, dict) else {},
    )
