"""The errors of this project.

SyncError                      base; its text is shown to users and never holds a secret value
├── InvalidInput               a request, config, setting or message is wrong: say where and what to do
│   └── InvalidSettings        the function's own configuration is wrong; names every faulty variable
├── Rejected                   an HTTP request that this function itself says no to, with a status
├── Refused                    an outside system said no for good; trying again will not help
│   ├── Unauthorized           a signature, token or login was rejected
│   ├── Forbidden              the identity lacks a permission
│   ├── NotFound               absent (or, on OCI, not permitted)
│   ├── ContentRefused         a secret's content is not handed out: expired, its key disabled, …
│   ├── SourceMissing          the source's folder, environment or project does not exist
│   ├── SourceMasked           the source hides its values from this identity
│   ├── NameTaken              a vault already has a secret of this name
│   ├── TooManyVersions        the secret is at its limit of versions
│   └── ValueReused            a reuse rule forbids a former value
├── Conflict                   a compare-and-swap lost: somebody else changed the object
├── WrongState                 a secret's lifecycle state forbids the call for now
│   └── Blocked                such states, or refusals that may pass, keep a run from its end
├── Temporary                  the same call may succeed later
│   └── Throttled              too many calls
└── OutOfTime                  no further call may start
    ├── Paused                 a person stopped all syncs
    ├── DeadlineReached        the invocation's time is used up
    ├── LeaseLost              another run may have taken over
    └── ConfigChanged          the sync's config changed under the run
"""

from collections.abc import Mapping, Sequence
from typing import Literal


class SyncError(Exception):
    """Base of every error that this project raises on purpose."""


class InvalidInput(SyncError):
    """A request, config, setting or message is wrong."""


class InvalidSettings(InvalidInput):
    """The function's own configuration is wrong; the text names every faulty variable."""


class Rejected(SyncError):
    """An HTTP request that this function itself says no to; `issues` say what is wrong where.

    `details` are answered besides the message.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        issues: Sequence[Mapping[str, object]] = (),
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.details = details or {}
        self.issues = issues
        self.headers = headers or {}


class Refused(SyncError):
    """An outside system said no for good."""


class Unauthorized(Refused):
    """A signature, token or login was rejected."""


class Forbidden(Refused):
    """The identity lacks a permission."""


class NotFound(Refused):
    """The object is absent, or (on OCI) this principal may not see it."""


class ContentRefused(Refused):
    """The content of a secret is not handed out, though the secret is ACTIVE."""


class SourceMissing(Refused):
    """The source's folder, environment or project does not exist; `field` of a config names it."""

    def __init__(
        self,
        message: str,
        field: Literal["projectId", "environment", "secretPath"] = "secretPath",
    ) -> None:
        super().__init__(message)
        self.field = field


class SourceMasked(Refused):
    """The source hides its values from this identity."""


class NameTaken(Refused):
    """The vault already has a secret of this name, in whatever compartment or state."""


class TooManyVersions(Refused):
    """The secret is at its limit of versions."""


class ValueReused(Refused):
    """A secret reuse rule forbids writing a former value again."""


class Conflict(SyncError):
    """A compare-and-swap lost: the object is not in the expected state."""


class WrongState(SyncError):
    """The lifecycle state of a secret forbids the call for now."""


class Blocked(WrongState):
    """Lifecycle states, or refusals that may pass, keep a run from its end."""


class Temporary(SyncError):
    """The same call may succeed later; `retry_after_seconds` is what the other side asked for."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Throttled(Temporary):
    """The other side refuses because of too many calls."""


class OutOfTime(SyncError):
    """No further outside call may start; what is done stays done, the rest is for the next run."""


class Paused(OutOfTime):
    """A person stopped all syncs; it says since when and who."""


class DeadlineReached(OutOfTime):
    """The time of this invocation is used up."""


class LeaseLost(OutOfTime):
    """The run's lease is not certain any more: another run may have taken over."""


class ConfigChanged(OutOfTime):
    """The sync's config was edited or deleted while its run was on."""
