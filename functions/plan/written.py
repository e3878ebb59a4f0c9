"""Names that were written lately: whether a listing, which may be stale, shows them as they are. Pure."""

from datetime import datetime, timedelta

from pydantic import AwareDatetime, ConfigDict

from functions.plan.models import Action, State, VaultSecret
from functions.plan.ownership import DIGEST_TAG
from functions.plan.sync_config import Camel

GOING = (State.PENDING_DELETION, State.DELETING, State.DELETED)
UNDERWAY = timedelta(seconds=20)
"""No call takes so long; later, a look at a secret shows what became of it."""
_SHORT = 16
"""So many characters of an OCID or a digest tell it from any other, and keep the memory small."""


class Written(Camel):
    """A name that was written, or was about to be, and what came of it where that is known."""

    model_config = ConfigDict(extra="ignore")

    at: AwareDatetime
    id: str = ""
    """The end of its OCID; empty where it is not known what came of the write."""
    digest: str = ""
    """The end of its digest tag."""
    is_going: bool = False
    """Whether it was deleted."""
    is_twice: bool = False
    """Whether it was written more than once: a stale listing may show the write before the last."""
    looks_as_before: bool = False
    """Whether it may have looked the same before the write, as what was restored does."""

    def as_answered(self) -> "Written":
        """Return it as of a write that is over, however it ended."""
        return self.model_copy(update={"at": self.at - UNDERWAY})

    def as_done(
        self, secret_id: str, digest: str, *, is_going: bool, looks_as_before: bool = False
    ) -> "Written":
        """Return it with what is known to have come of the write."""
        known = {
            "id": short(secret_id),
            "digest": short(digest),
            "is_going": is_going,
            "looks_as_before": looks_as_before,
        }
        return self.model_copy(update=known)

    def is_shown_by(self, row: VaultSecret | None, *, is_mine: bool) -> bool:
        """Say whether a row of a listing shows what is known; `is_mine`: it carries this sync's tag."""
        if self.is_twice or row is None or short(row.id) != self.id:
            return False
        if self.is_going:
            return row.state in GOING
        shown = short(row.tags.get(DIGEST_TAG, ""))
        if shown != self.digest or not (is_mine or not shown):
            return False
        # What never looked so before was deleted by somebody since: no listing from before shows that.
        is_gone_since = row.state in GOING and bool(shown) and not self.looks_as_before
        return row.state == State.ACTIVE or is_gone_since


def mark(before: Written | None, now: datetime, action: Action) -> Written:
    """Return what is known of a name that is about to be written.

    A create that is repeated counts from its first time, or a name that somebody else holds out of
    sight would be taken for a stale listing without end. What is restored looks as it was written:
    whichever of the two a listing shows, it is right.
    """
    if before is None:
        return Written(at=now)
    is_known = bool(before.id) and not before.is_twice and not before.is_going
    is_same = action == Action.RESTORE and is_known
    return Written(at=before.at if action == Action.CREATE else now, is_twice=not is_same)


def short(text: str) -> str:
    """Return the end of an OCID or digest."""
    return text[-_SHORT:]
