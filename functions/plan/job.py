"""A job, and the message that stands for it on the queue. It never holds a value."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from functions.plan.models import JobKind
from functions.plan.sync_config import Camel

MAX_ATTEMPTS = 20
COVERED_AFTER_SECONDS = 15
"""A source may lose an event while it delivers another: only a later read proves that all is seen."""
_REQUEST_ID = re.compile("/{0,2}[A-Za-z0-9_.:-][A-Za-z0-9/_.:-]{0,125}")
"""What the id of a request may look like: segments, of which OCI leaves the first one out at times."""


def plain_id(request_id: object) -> str | None:
    """Return the id of a request if it is harmless in a log, a header and a message, else None."""
    if isinstance(request_id, str) and _REQUEST_ID.fullmatch(request_id):
        return request_id
    return None


Cause = Literal["webhook", "event", "vault-event", "tick", "api", "command"]
"""What made a job: a trigger, or the management API."""


_Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class Args(Camel):
    """What a job may carry besides its kind."""

    force: _Fingerprint | None = None
    plan: _Fingerprint | None = Field(default=None, exclude_if=lambda plan: plan is None)
    """The plan that somebody agreed to: with another one by now the job does nothing."""
    import_behavior: Literal["prioritize-source", "prioritize-destination"] | None = None
    delete_config: bool = False
    run: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = None
    """The run whose deletions are undone."""


class Job(Camel):
    """One piece of work for one sync; `config` is the object name of its config.

    What it does not know it ignores: containers of two versions share the queue for a while.
    """

    model_config = ConfigDict(extra="ignore")

    v: Literal[1] = 1
    config: str
    kind: JobKind
    cause: Cause
    created_at: AwareDatetime
    not_before: AwareDatetime
    attempt: int = Field(default=1, ge=1)
    job_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{8,64}$")]
    request_id: Annotated[str | None, BeforeValidator(plain_id)] = None
    """The request that made the job; a job without a proper one is no worse."""
    by: Annotated[str | None, BeforeValidator(plain_id)] = None
    """Who asked: the name of an API token, or the OCID that IAM authenticated."""
    args: Args = Field(default_factory=Args)

    @property
    def is_coalescable(self) -> bool:
        """Say whether a run for somebody else serves this job as well: it asks for no act of its own."""
        return self.cause in ("webhook", "event", "vault-event", "tick")

    @property
    def verifies(self) -> bool:
        """Say whether it compares contents and not only digests."""
        return self.kind == JobKind.VERIFY or (
            self.kind == JobKind.SYNC and not self.is_coalescable
        )

    def again(self, not_before: datetime) -> "Job":
        """Return the next attempt."""
        return self.model_copy(update={"attempt": self.attempt + 1, "not_before": not_before})

    def as_first_attempt(self) -> "Job":
        """Return the job as if this were its first attempt."""
        return self.model_copy(update={"attempt": 1})

    def later(self, not_before: datetime) -> "Job":
        """Return the job as it is, due later."""
        return self.model_copy(update={"not_before": max(self.not_before, not_before)})
