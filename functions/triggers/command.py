"""A direct invocation, which IAM has authenticated."""

import json
from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from functions.errors import InvalidInput
from functions.plan.fields import PlanFingerprint, ProjectId
from functions.plan.job import Args
from functions.plan.sync_config import Camel
from functions.triggers.call import ApiRequest


class WrongCommand(InvalidInput):
    """A command is not one; like every refusal of a command it is answered, not raised."""


ApiCommandName = Literal["list", "status", "runs", "check", "pause", "resume", "undo", "cleanup"]
JobCommandName = Literal["sync", "plan", "import", "remove"]


class Command(Camel):
    """A direct invocation, which IAM has authenticated."""

    command: Literal[ApiCommandName, JobCommandName, "tick", "drain"]
    project: ProjectId | None = None
    sync: Annotated[str, StringConstraints(min_length=1)] | None = None
    force: PlanFingerprint | None = None
    run: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = None
    import_behavior: Literal["prioritize-source", "prioritize-destination"] = "prioritize-source"

    @property
    def named_sync(self) -> str:
        """Return the name or id of the sync. Raises InvalidInput where none is named."""
        if self.sync is None:
            raise InvalidInput('Say which sync: "sync": "<name or id>".')
        return self.sync

    @property
    def args(self) -> Args:
        """Return what the job of this command carries."""
        behavior = self.import_behavior if self.command == "import" else None
        return Args(force=self.force, import_behavior=behavior)


class ApiCommand(Camel):
    """A direct invocation with a request of the management API, for who has no way to the gateway."""

    command: Literal["api"]
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: Annotated[str, StringConstraints(pattern=r"^(/api/v1/|/healthz$)")]
    query: dict[str, str] = {}
    body: dict[str, Any] | None = None

    @property
    def request(self) -> ApiRequest:
        """Return the request."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        return ApiRequest(self.method, self.path, self.query, {}, body, by_iam=True)
