"""The message that stands for a job on the queue, with the seal that shows who made it."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import ValidationError

from functions.errors import InvalidInput
from functions.plan.job import Args, Job
from functions.plan.models import JobKind
from functions.plan.ownership import Digests
from functions.plan.sync_config import describe, project_of

MAX_AHEAD = timedelta(hours=2)
"""Nothing is put off for longer, and no clock that OCI accepts is so far ahead."""


class NotSealedHere(InvalidInput):
    """A message asks for what only a message with a right seal may ask for."""

    def __init__(self, job: Job) -> None:
        super().__init__(
            f"queue message: its seal is not of this digestKey, so it cannot ask for {job.kind}, nor "
            f"for anything by args, of {job.config}; ask again if it was you"
        )
        self.job = job


def seal(job: Job, digests: Digests) -> str:
    """Return the queue message of a job; its seal shows that whoever made it holds the digest key."""
    return seal_fields(job.model_dump(mode="json", by_alias=True), digests)


def seal_fields(fields: Mapping[str, object], digests: Digests) -> str:
    """Return a queue message of these fields."""
    return json.dumps({**fields, "seal": digests.sign(_plain(fields))})


def parse_job(message: str, digests: Digests, now: datetime) -> Job:
    """Read a queue message; one without a right seal can only hint at a change. Raises InvalidInput."""
    try:
        fields = json.loads(message)
        given = fields.pop("seal", None) if isinstance(fields, dict) else None
        text = _plain(fields)
    except (ValueError, RecursionError):
        raise InvalidInput("queue message: Invalid JSON") from None
    try:
        job = Job.model_validate_json(text)
    except ValidationError as error:
        raise InvalidInput(f"queue message: {describe(error)}") from None
    if project_of(job.config) is None:
        raise InvalidInput("queue message: config is not the name of a sync config")
    if max(job.created_at, job.not_before) > now + MAX_AHEAD:
        raise InvalidInput(f"queue message: its times are too far ahead, for a job of {job.config}")
    return job if digests.is_signed(text, given) else _as_hint(job)


def _as_hint(job: Job) -> Job:
    """Return what anybody may ask for: a look at a sync that looks by itself now and then."""
    if job.kind not in (JobKind.SYNC, JobKind.VERIFY) or job.args != Args():
        raise NotSealedHere(job)
    return job.model_copy(update={"cause": "tick", "attempt": 1, "by": None})


def _plain(fields: object) -> str:
    return json.dumps(fields, sort_keys=True)
