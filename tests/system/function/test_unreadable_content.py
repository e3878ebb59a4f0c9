"""Content that OCI does not hand out is the affair of its key alone."""

from datetime import timedelta

import pytest

from functions.plan.models import State
from functions.plan.ownership import DIGEST_TAG, OWNER_TAG
from infra.local.oci.traffic import Fault

IMPORT_FIRST = {"initialSyncBehavior": "import-prioritize-destination"}
REFUSALS = [
    (400, "InvalidParameter"),
    (403, "NotAllowed"),
    (404, "NotAuthorizedOrNotFound"),
    (409, "IncorrectState"),
    (409, "Conflict"),
    (412, "NoEtagMatch"),
]
refusals = pytest.mark.parametrize(("status", "code"), REFUSALS)


def refuse(world, *names, status=409, code="IncorrectState"):
    """Refuse the content of secrets, as where they expired or their key is disabled."""
    world.cloud.faults.append(
        Fault("GetSecretBundle", status, code, when=lambda call: call.name_or_id in names)
    )


@refusals
def test_a_sync_goes_on(world, status, code):
    """A secret whose content is refused is an error for its key; the others are synced and planned."""
    sync = world.sync(values={"A": "1", "B": "1", "C": "1"})
    sync.run()
    refuse(world, "B", status=status, code=code)
    sync.set("C", "2")
    plan = sync.plan()
    assert (plan["errors"].keys(), plan["counts"]["update"]) == ({"B"}, 1)
    assert sync.run()["outcome"] == "failed"
    assert sync.live == {"A": "1", "B": "1", "C": "2"}
    assert "B: its content in the vault cannot be read" in sync.status.sync.message
    world.cloud.faults.clear()
    assert sync.run()["outcome"] == "succeeded"


@refusals
def test_what_differs_by_its_digest_is_written_unread(world, status, code):
    """A secret of the sync's own whose digest is another value's is written, its content unread."""
    sync = world.sync(values={"A": "1", "B": "1"})
    sync.run()
    refuse(world, "B", status=status, code=code)
    sync.set("B", "2")
    assert sync.plan()["errors"] == {}
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live == {"A": "1", "B": "2"}


def test_a_former_key_s_digest_is_written_once(world):
    """A secret of the sync's own with a former key's digest is written unread, once."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    tags = world.cloud.vault.tags("A", sync.vault_id)
    sync.edit("A", freeformTags=tags | {DIGEST_TAG: "00000000:of-a-former-key"})
    refuse(world, "A")
    sync.webhook()
    world.age(60)
    sync.webhook()
    assert (sync.status.sync.status, sync.versions("A")) == ("succeeded", 2)
    assert world.cloud.vault.tags("A", sync.vault_id) == tags


@pytest.mark.parametrize("tags", [{}, {OWNER_TAG: "00000000-0000-4000-8000-00000000dead"}])
def test_what_somebody_else_wrote_is_not_written_unread(world, tags):
    """A secret that this sync never wrote, or without a digest, is not overwritten unread."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.seed("A", b"theirs", tags=tags)
    refuse(world, "A")
    assert sync.run()["outcome"] == "failed"
    assert sync.live == {"A": "theirs", "B": "2"}


@refusals
def test_an_import_goes_on(world, status, code):
    """The first import takes what it can read; the rest is kept, and named with the reason."""
    sync = world.sync(values={"A": "1"}, options=IMPORT_FIRST)
    sync.seed("B", b"theirs")
    sync.seed("C", b"theirs")
    refuse(world, "B", status=status, code=code)
    sync.run()
    assert [row.key for row in world.source.folders["dev", sync.folder].secrets] == ["A", "C"]
    assert sync.live == {"A": "1", "B": "theirs", "C": "theirs"}
    assert "B: kept" in sync.status.sync.message


@pytest.mark.parametrize(("status", "code"), [(400, "InvalidParameter"), (409, "IncorrectState")])
def test_an_import_of_nothing_but_expired_content(world, status, code):
    """Where all that is refused is refused for its own sake, the first import is done, and the sync goes on."""
    sync = world.sync(values={"A": "1"}, options=IMPORT_FIRST)
    sync.seed("B", b"theirs")
    refuse(world, "B", status=status, code=code)
    sync.run()
    assert sync.live == {"A": "1", "B": "theirs"}


def test_a_secret_that_is_not_active_any_more(world):
    """A refusal that comes of a lifecycle state still makes the sync wait, and nothing is written."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.seed("B", b"1", age=timedelta(minutes=5))
    sync.edit("B", state=State.UPDATING)
    refuse(world, "B")
    world.cloud.vault.list_staleness_seconds = 60.0  # it shows B as it was: ACTIVE
    answer = world.briefly(12, {"command": "sync", "sync": sync.name})
    assert answer["outcome"] == "waiting"
    assert "no content while it is UPDATING" in answer["message"]
    assert sync.live == {"B": "1"}


def test_a_reused_value_that_is_there_already(world):
    """Where a reuse rule refuses the value that the secret holds, the secret is right: its tags are mended."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    tags = world.cloud.vault.tags("A", sync.vault_id)
    rule = {"ruleType": "SECRET_REUSE_RULE", "isEnforcedOnDeletedSecretVersions": True}
    wrong = tags[DIGEST_TAG][:-1] + "x"
    sync.edit("A", secretRules=[rule], freeformTags=tags | {DIGEST_TAG: wrong})
    world.operations()
    sync.webhook()
    assert "ListSecretVersions" in world.operations()
    assert (sync.status.sync.status, sync.versions("A")) == ("succeeded", 1)
    assert world.cloud.vault.tags("A", sync.vault_id) == tags
