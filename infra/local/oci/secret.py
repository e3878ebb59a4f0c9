"""One vault secret: its lifecycle, its versions, and how the API shows them.

Every fact has a timeline, so that transitions need no timers and a stale list is a look at the past.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from functions.plan.models import State
from infra.local.http import Json, wire_time

Value = TypeVar("Value")
NOT_IN_A_LIST = {"metadata", "secretRules"}
READABLE = {State.ACTIVE, State.UPDATING}
GOING = {State.SCHEDULING_DELETION, State.PENDING_DELETION, State.DELETING, State.DELETED}


@dataclass(frozen=True)
class Durations:
    """How long each transition takes, in seconds."""

    creating: float = 0
    updating: float = 0
    scheduling: float = 0
    cancelling: float = 0
    deleting: float = 0


class Timeline(Generic[Value]):
    """Values, each with the time from which it holds; some may lie in the future."""

    def __init__(self, *steps: tuple[datetime, Value]) -> None:
        self._times = [when for when, _ in steps]
        self._values = [value for _, value in steps]

    def change(self, *steps: tuple[datetime, Value]) -> None:
        """Append steps; what was to come after the first of them will not come."""
        keep = bisect_right(self._times, steps[0][0])
        self._times[keep:] = [when for when, _ in steps]
        self._values[keep:] = [value for _, value in steps]

    def until(self, when: datetime) -> list[Value]:
        """Return the values up to then, the one that holds last."""
        return self._values[: bisect_right(self._times, when)]

    def at(self, when: datetime) -> Value | None:
        """Return the value that holds, None before the first."""
        place = bisect_right(self._times, when)
        return self._values[place - 1] if place else None


@dataclass
class Version:
    """One version of a secret's content; `deletion` is the time for which that is scheduled."""

    number: int
    name: str | None
    content: bytes
    created: datetime
    pending: bool = False
    deletion: datetime | None = None

    def is_there(self, now: datetime) -> bool:
        """Say whether it has not been deleted yet."""
        return self.deletion is None or self.deletion > now


@dataclass
class Secret:
    """A secret. `facts` are the fields of the API that have no logic of their own."""

    id: str
    name: str
    vault_id: str
    facts: Timeline[Json]
    states: Timeline[State]
    current: Timeline[int]
    versions: dict[int, Version]
    created: datetime
    etag: str = ""

    def state(self, now: datetime) -> State:
        """Return the lifecycle state."""
        return self.states.at(now) or State.CREATING

    def fact(self, now: datetime) -> Json:
        """Return the plain fields."""
        return self.facts.at(now) or {}

    def change(self, now: datetime, **facts: object) -> None:
        """Set plain fields."""
        self.facts.change((now, {**self.fact(now), **facts}))

    def move(self, now: datetime, through: State, end: datetime, to: State) -> None:
        """Go through a transition that ends then."""
        self.states.change((now, through), (end, to))

    def schedule(self, now: datetime, when: datetime, durations: Durations) -> None:
        """Begin the way to DELETED."""
        pending = now + timedelta(seconds=durations.scheduling)
        deleting = max(when, pending)
        deleted = deleting + timedelta(seconds=durations.deleting)
        self.states.change(
            (now, State.SCHEDULING_DELETION),
            (pending, State.PENDING_DELETION),
            (deleting, State.DELETING),
            (deleted, State.DELETED),
        )
        self.change(now, timeOfDeletion=wire_time(when))

    def add_version(
        self, created: datetime, ready: datetime, content: bytes, spec: Json | None = None
    ) -> None:
        """Add content as a new version, current from `ready` on unless its stage is PENDING."""
        spec = spec or {}
        number = max(self.versions, default=0) + 1
        pending = spec.get("stage") == "PENDING"
        self.versions[number] = Version(number, spec.get("name"), content, created, pending)
        if not pending:
            self.promote(ready, number)

    def promote(self, ready: datetime, number: int) -> None:
        """Make a version the current one."""
        self.versions[number].pending = False
        self.current.change((ready, number))

    def stages(self, version: Version, now: datetime) -> list[str]:
        """Return the stages of a version."""
        currents = self.current.until(now)
        former = [number for number in currents if number != currents[-1]]
        stages = {
            "CURRENT": currents[-1:] == [version.number],
            "PENDING": version.pending,
            "LATEST": version.number == max(self.versions),
            "PREVIOUS": former[-1:] == [version.number],
        }
        return [stage for stage, holds in stages.items() if holds] or ["DEPRECATED"]

    def there(self, now: datetime) -> list[Version]:
        """Return the versions that are not deleted yet, oldest first."""
        return [version for version in self.versions.values() if version.is_there(now)]

    def newest(self) -> bytes:
        """Return the content written last."""
        return self.versions[max(self.versions)].content

    def wire(self, now: datetime) -> Json:
        """Return the secret as GetSecret shows it."""
        return {
            "id": self.id,
            "lifecycleState": self.state(now),
            "currentVersionNumber": self.current.at(now),
            **self.fact(now),
        }

    def summary(self, as_of: datetime) -> Json:
        """Return the secret as ListSecrets shows it."""
        facts = {key: value for key, value in self.fact(as_of).items() if key not in NOT_IN_A_LIST}
        return {"id": self.id, "lifecycleState": self.state(as_of), **facts}

    def version_wire(self, version: Version, now: datetime) -> Json:
        """Return a version as ListSecretVersions shows it."""
        return {
            "secretId": self.id,
            "versionNumber": version.number,
            "name": version.name,
            "contentType": "BASE64",
            "stages": self.stages(version, now),
            "timeCreated": wire_time(version.created),
            "timeOfDeletion": wire_time(version.deletion),
        }
