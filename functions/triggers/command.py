"""A direct invocation, which IAM has authenticated."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from functions.plan.job import Args
from functions.plan.sync_config import Camel


class Command(Camel):
    """A direct invocation, which IAM has authenticated."""

    command: Literal["sync", "plan", "import", "remove", "tick", "drain"]
    sync: Annotated[str, StringConstraints(min_length=1)] | None = None
    force: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")] | None = None
    import_behavior: Literal["prioritize-source", "prioritize-destination"] = "prioritize-source"

    @property
    def args(self) -> Args:
        """Return what the job of this command carries."""
        behavior = self.import_behavior if self.command == "import" else None
        return Args(force=self.force, import_behavior=behavior)
