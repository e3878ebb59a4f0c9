"""A job, and the message that stands for it on the queue. It never holds a value."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, ValidationError

from functions.core.config import Camel, describe, project_of
from functions.core.errors import InvalidInput
from functions.core.models import JobKind

MAX_ATTEMPTS = 20
COVERED_AFTER_SECONDS = 15
"""A source may lose an event while it delivers another: only a later read proves that all is seen."""


REQUEST_ID = r"^/{0,2}[A-Za-z0-9_.:-][A-Za-z0-9/_.:-]{0,125}$"
"""What the id of a request may look like: segments, of which OCI leaves the first one out at times."""


class Args(Camel):
    """What a job may carry besides its kind."""

    force: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")] | None = None
    import_behavior: Literal["prioritize-source", "prioritize-destination"] | None = None
    delete_config: bool = False


class Job(Camel):
    """One piece of work for one sync; `config` is the object name of its config.

    What it does not know it ignores: containers of two versions share the queue for a while.
    """

    model_config = ConfigDict(extra="ignore")

    v: Literal[1] = 1
    config: str
    kind: JobKind
    cause: Literal["webhook", "event", "vault-event", "tick", "api", "command"]
    created_at: AwareDatetime
    not_before: AwareDatetime
    attempt: int = Field(default=1, ge=1)
    job_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{8,64}$")]
    request_id: Annotated[str, StringConstraints(pattern=REQUEST_ID)] | None = None
    """The request that made the job."""
    args: Args = Args()

    @property
    def is_hint(self) -> bool:
        """Say whether a run for somebody else serves this job as well: it asks for no act of its own."""
        return self.cause in ("webhook", "event", "vault-event", "tick")

    @property
    def verifies(self) -> bool:
        """Say whether it compares contents and not only digests."""
        return self.kind == JobKind.VERIFY or (self.kind == JobKind.SYNC and not self.is_hint)

    def again(self, not_before: datetime) -> "Job":
        """Return the next attempt."""
        return self.model_copy(update={"attempt": self.attempt + 1, "not_before": not_before})

    def anew(self) -> "Job":
        """Return the job as if this were its first attempt."""
        return self.model_copy(update={"attempt": 1})

    def to_message(self) -> str:
        """Return the body of the queue message."""
        return self.model_dump_json(by_alias=True, exclude_defaults=False)


def parse_job(message: str) -> Job:
    """Read a queue message. Raises InvalidInput."""
    try:
        job = Job.model_validate_json(message)
    except ValidationError as error:
        raise InvalidInput(f"queue message: {describe(error)}") from None
    if project_of(job.config) is None:
        raise InvalidInput("queue message: config is not the name of a sync config")
    return job
