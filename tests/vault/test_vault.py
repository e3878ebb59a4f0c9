from datetime import timedelta

import pytest

from functions.errors import (
    DeadlineReached,
    InvalidInput,
    LeaseLost,
    NameTaken,
    NotFound,
    Refused,
    TooManyVersions,
    ValueReused,
    WrongState,
)
from functions.plan.models import State
from functions.vault.write import TAGS_GO_ALONE
from infra.local.oci.secret import Durations
from tests.support.clouds import VaultBench, cloud_and_clients
from tests.support.virtual_time import VirtualClock

TAGS = {"oci-vault-sync": "sync-1"}
VALUE = b"hunter2-hunter2"


def test_a_list_holds_every_state_and_all_pages(bench):
    """All pages are listed, secrets in every lifecycle state, with their tags."""
    bench.cloud.page_size = 3
    for number in range(10):
        bench.sim.seed(f"KEY_{number}", b"x", tags=TAGS)
    bench.sim.seed("GONE", b"x", state=State.DELETED)
    bench.sim.seed("LEAVING", b"x", state=State.PENDING_DELETION)

    rows = {row.name: row for row in bench.vault.list()}

    assert len(rows) == 12
    assert rows["KEY_7"].tags == TAGS
    assert rows["GONE"].state == State.DELETED
    assert rows["LEAVING"].state == State.PENDING_DELETION
    assert rows["LEAVING"].time_of_deletion > bench.clock.now()
    assert "hunter2" not in repr(rows)


def test_a_refused_page_size_is_given_up(bench):
    """Where the service refuses the page size, its own is taken."""
    bench.sim.seed("KEY", b"x")
    bench.fail("ListSecrets", status=400, code="InvalidParameter", times=1)
    assert [row.name for row in bench.vault.list()] == ["KEY"]


def test_a_state_of_the_future_is_unknown(bench):
    """A lifecycle state that this version does not know is UNKNOWN, not an error."""
    bench.sim.seed("KEY", b"x", state="HIBERNATING")
    assert bench.vault.list()[0].state == State.UNKNOWN


@pytest.mark.parametrize(
    ("facts", "manager"),
    [
        ({}, None),
        ({"isReplica": True}, "replication"),
        ({"rotationConfig": {"isScheduledRotationEnabled": True}}, "rotation"),
        ({"rotationStatus": "IN_PROGRESS"}, "rotation"),
        ({"rotationStatus": "NOT_ENABLED"}, None),
        ({"isAutoGenerationEnabled": True}, "auto-generation"),
        (
            {"secretGenerationContext": {"generationType": "BYTES", "generationTemplate": "x"}},
            "auto-generation",
        ),
    ],
)
def test_secrets_that_others_manage_are_told(bench, facts, manager):
    """A replica, a rotated and an auto-generated secret say who manages them."""
    bench.sim.seed("KEY", b"x", **facts)
    assert bench.vault.list()[0].managed_by == manager
    assert bench.secret("KEY").managed_by == manager


def test_content_is_read_and_hidden(bench):
    """The current content is read byte for byte, and is not shown by accident."""
    secret_id = bench.sim.seed("KEY", b"\x00\xffhunter2")
    bundle = bench.vault.read(secret_id)
    assert bundle.value.get_secret_value() == b"\x00\xffhunter2"
    assert bundle.version == 1
    assert "hunter2" not in repr(bundle)


def test_reading_before_there_is_content(bench):
    """Reading a secret that is still being created is a matter of waiting."""
    secret_id = bench.sim.seed("KEY", b"x", state=State.CREATING)
    with pytest.raises(WrongState, match="CREATING"):
        bench.vault.read(secret_id)


def test_reading_what_is_absent_or_not_permitted(bench):
    """A 404 says that the secret is absent or the permission is missing, and names the secret."""
    with pytest.raises(NotFound, match=r"vaultsecret\.x: absent, or not permitted"):
        bench.vault.read("ocid1.vaultsecret.x")


def test_content_that_may_not_be_read(bench):
    """An active secret whose content answers 404 is a matter of permission, not of waiting."""
    secret_id = bench.sim.seed("KEY", b"x")
    bench.fail("GetSecretBundle", status=404, code="NotAuthorizedOrNotFound")
    with pytest.raises(NotFound, match="content of secret"):
        bench.vault.read(secret_id)
    bench.sim.edit("KEY", value=b"second")
    assert not bench.vault.promote(bench.secret("KEY"), b"x", TAGS)


def test_a_taken_name_that_may_not_be_looked_at(bench):
    """A name that has content but may not be looked at is not taken for a free name."""
    bench.sim.seed("KEY", b"x")
    bench.sim.list_staleness_seconds = 60.0
    bench.fail("GetSecret", status=404, code="NotAuthorizedOrNotFound")
    with pytest.raises(NotFound, match="see the policy statement write-secrets"):
        bench.vault.find("KEY")


def test_a_secret_is_created_with_its_tags(bench):
    """A secret is created with content and tags in one call."""
    bench.vault.create("KEY", VALUE, TAGS, token="t1")
    assert bench.value("KEY") == VALUE
    assert bench.sim.tags("KEY") == TAGS
    assert bench.cloud.count("CreateSecret") == 1


def test_a_create_whose_answer_is_lost_creates_once(bench):
    """A repeated create with the same token is harmless."""
    bench.fail("CreateSecret", drop="answer", times=1)
    bench.vault.create("KEY", VALUE, TAGS, token="t1")
    assert bench.cloud.count("CreateSecret") == 2
    assert len(bench.vault.list()) == 1


@pytest.mark.parametrize("state", [State.ACTIVE, State.PENDING_DELETION])
def test_a_taken_name(bench, state):
    """A name in use is NameTaken, also while its holder is pending deletion."""
    bench.sim.seed("KEY", b"x", state=state)
    with pytest.raises(NameTaken, match="secret KEY"):
        bench.vault.create("KEY", VALUE, TAGS, token="t1")


def test_refused_input_never_quotes_the_value(bench):
    """What the service says about refused content is not passed on: it might quote it."""
    bench.fail(
        "CreateSecret", status=400, code="InvalidParameter", message="content hunter2 is wrong"
    )
    with pytest.raises(InvalidInput) as caught:
        bench.vault.create("KEY", VALUE, TAGS, token="t1")
    assert "hunter2" not in str(caught.value)
    assert "KEY" in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_full_tenancy_is_refused(bench):
    """The limit of secrets is a refusal for good, not a matter of versions."""
    bench.fail("CreateSecret", status=400, code="LimitExceeded")
    with pytest.raises(Refused, match="LimitExceeded") as caught:
        bench.vault.create("KEY", VALUE, TAGS, token="t1")
    assert not isinstance(caught.value, TooManyVersions)


def test_an_update_keeps_the_tags_of_others(bench):
    """An update writes a version and merges tags, in one call."""
    bench.sim.seed("KEY", b"old", tags={"team": "payments"})
    bench.vault.update(bench.secret("KEY"), VALUE, TAGS)
    assert bench.value("KEY") == VALUE
    assert bench.sim.tags("KEY") == {"team": "payments", **TAGS}
    assert bench.cloud.count("UpdateSecret") == 1


def test_tags_that_must_go_alone():
    """Where content and tags are refused together, tags follow when the secret has settled."""
    clock = VirtualClock()
    with cloud_and_clients(clock, durations=Durations(updating=1.5)) as (cloud, clients):
        bench = VaultBench(clock, cloud, clients)
        bench.sim.refuse_tags_with_content = True
        bench.sim.seed("KEY", b"old")
        bench.vault.update(bench.secret("KEY"), VALUE, TAGS)
        assert bench.sim.get("KEY").newest() == VALUE
        assert bench.sim.tags("KEY") == TAGS

        assert TAGS_GO_ALONE in bench.clients.learned, (
            "so the next secret is not tried with both at once"
        )
        assert len(bench.sim.get("KEY").versions) == 2


@pytest.mark.parametrize("deadline", [300, 3])
def test_tags_that_cannot_follow_in_time(deadline):
    """Where the secret does not settle in time for its tags, it counts as not settled."""
    clock = VirtualClock()
    with cloud_and_clients(clock, durations=Durations(updating=100)) as (cloud, clients):
        bench = VaultBench(clock, cloud, clients)
        bench.gate.deadline = deadline
        bench.sim.refuse_tags_with_content = True
        bench.sim.seed("KEY", b"old")
        with pytest.raises(WrongState, match="not all of it is written"):
            bench.vault.update(bench.secret("KEY"), VALUE, TAGS)


def test_a_write_that_was_made_never_looks_as_if_it_was_not(bench):
    """Where the lease is lost between content and tags, the error is not OutOfTime."""
    bench.clients.learned[TAGS_GO_ALONE] = "yes"
    bench.sim.seed("KEY", b"old")
    secret = bench.secret("KEY")
    bench.cloud.after = lambda _: bench.gate.close(LeaseLost("taken over"))
    with pytest.raises(WrongState, match="not all of it is written"):
        bench.vault.update(secret, VALUE, TAGS)
    assert bench.sim.get("KEY").newest() == VALUE


def test_tags_never_promise_what_the_content_is_not(bench):
    """Where content and tags go apart, the old digest is gone before the new content comes."""
    bench.clients.learned[TAGS_GO_ALONE] = "yes"
    bench.sim.seed("KEY", b"old", tags={"digest": "of old", "team": "payments"})
    secret = bench.secret("KEY")
    seen = []
    bench.cloud.before = lambda _: seen.append(
        (bench.sim.get("KEY").newest(), dict(bench.sim.tags("KEY")))
    )
    bench.vault.update(secret, VALUE, {"digest": "of new"})
    assert (b"old", {"team": "payments"}) in seen
    assert all(tags.get("digest") != "of old" for value, tags in seen if value == VALUE)
    assert bench.sim.tags("KEY") == {"digest": "of new", "team": "payments"}


def test_tags_refused_altogether(bench):
    """Where tags are refused, secrets are written without."""
    bench.sim.refuse_tags = True
    bench.vault.create("NEW", VALUE, TAGS, token="t1")
    bench.sim.seed("KEY", b"old", tags={"team": "payments"})
    bench.vault.update(bench.secret("KEY"), VALUE, TAGS)
    assert bench.value("NEW") == bench.value("KEY") == VALUE
    assert bench.sim.tags("NEW") == {}
    assert TAGS_GO_ALONE not in bench.clients.learned, (
        "ten tags of others on one secret say nothing of the next"
    )


def test_refused_content_is_refused_whatever_the_tags(bench):
    """Content that the service refuses is InvalidInput, and nothing is written."""
    bench.sim.seed("KEY", b"old")
    with pytest.raises(InvalidInput):
        bench.vault.update(bench.secret("KEY"), b"x" * 25_001, TAGS)
    assert bench.value("KEY") == b"old"
    assert bench.sim.tags("KEY") == {}


def test_tags_are_merged_and_removed(bench):
    """Mending tags makes no new version; None removes a tag."""
    bench.sim.seed("KEY", VALUE, tags={"team": "payments", "old": "1"})
    bench.vault.tag(bench.secret("KEY"), {"old": None, **TAGS})
    assert bench.sim.tags("KEY") == {"team": "payments", **TAGS}
    assert bench.vault.read(bench.sim.get("KEY").id).version == 1


def test_the_lifecycle_refuses(bench):
    """A change in the wrong state is WrongState at once, and waits for nothing."""
    secret_id = bench.sim.seed("KEY", b"old", state=State.UPDATING)
    secret = bench.vault.get(secret_id)
    for change in (
        lambda: bench.vault.update(secret, VALUE, TAGS),
        lambda: bench.vault.tag(secret, TAGS),
        lambda: bench.vault.restore(secret),
        lambda: bench.vault.schedule_deletion(secret, bench.clock.now() + timedelta(days=7)),
    ):
        with pytest.raises(WrongState, match="KEY"):
            change()
    assert bench.clock.monotonic() == 0


def test_deletion_is_scheduled_and_cancelled(bench):
    """A secret's deletion is scheduled for the time given, and can be cancelled."""
    bench.sim.seed("KEY", VALUE)
    when = bench.clock.now() + timedelta(days=7)
    bench.vault.schedule_deletion(bench.secret("KEY"), when)
    assert bench.secret("KEY").state == State.PENDING_DELETION
    assert bench.secret("KEY").time_of_deletion == when
    bench.vault.restore(bench.secret("KEY"))
    assert bench.secret("KEY").state == State.ACTIVE
    assert bench.value("KEY") == VALUE


@pytest.mark.parametrize("edit", [{"freeformTags": {"owner": "b"}}, {"compartmentId": "ocid1.b"}])
@pytest.mark.parametrize("is_late", [False, True])
def test_what_changed_since_it_was_listed_is_not_deleted(bench, edit, is_late):
    """A deletion may ask for the tags and the compartment that were listed, also if they change right before it."""
    bench.sim.seed("KEY", VALUE)
    [listed] = bench.vault.list()
    when = bench.clock.now() + timedelta(days=7)
    if is_late:
        bench.fail("ScheduleSecretDeletion", when=lambda _: bench.sim.edit("KEY", **edit))
    else:
        bench.sim.edit("KEY", **edit)
    with pytest.raises(WrongState, match="changed"):
        bench.vault.schedule_deletion(listed, when, if_unchanged=True)
    assert bench.secret("KEY").state == State.ACTIVE
    bench.vault.schedule_deletion(listed, when)
    assert bench.secret("KEY").state == State.PENDING_DELETION


def test_what_did_not_change_is_deleted(bench):
    """A deletion that asks for the tags that were listed is done where they are still there."""
    bench.sim.seed("KEY", VALUE)
    [listed] = bench.vault.list()
    bench.vault.schedule_deletion(listed, bench.clock.now() + timedelta(days=7), if_unchanged=True)
    assert bench.secret("KEY").state == State.PENDING_DELETION


def test_a_name_is_found_in_another_compartment(bench):
    """A name is found wherever in the vault, as long as its holder can be read."""
    bench.sim.seed("KEY", VALUE, compartmentId="ocid1.compartment.oc1..other")
    found = bench.vault.find("KEY")
    assert found.compartment_id == "ocid1.compartment.oc1..other"
    assert bench.vault.list() == []


def test_a_name_is_found_while_pending_deletion(bench):
    """A name held by a secret pending deletion is found; a DELETED namesake counts less."""
    bench.sim.seed("KEY", VALUE, state=State.DELETED)
    assert bench.vault.find("KEY").state == State.DELETED
    bench.sim.seed("KEY", VALUE, state=State.PENDING_DELETION)
    bench.sim.seed("key", VALUE)
    assert bench.vault.find("KEY").state == State.PENDING_DELETION
    assert bench.vault.find("ELSE") is None


def test_a_secret_full_of_versions_is_pruned(bench):
    """At its limit of versions a secret says so; pruning makes room, oldest versions first."""
    bench.sim.version_limit = 8
    bench.sim.seed("KEY", b"0")
    for number in range(1, 8):
        bench.sim.edit("KEY", value=b"%d" % number)
    with pytest.raises(TooManyVersions):
        bench.vault.update(bench.secret("KEY"), VALUE, TAGS)

    when = bench.clock.now() + timedelta(hours=25)
    assert bench.vault.prune_versions(bench.secret("KEY"), when) == 5
    going = [v.number for v in bench.sim.get("KEY").versions.values() if v.deletion]
    assert going == [1, 2, 3, 4, 5]
    bench.vault.update(bench.secret("KEY"), VALUE, TAGS)
    assert bench.value("KEY") == VALUE


def test_a_former_value_comes_back_by_promotion(bench):
    """Where a reuse rule forbids a former value, its version is made the current one."""
    rule = {"ruleType": "SECRET_REUSE_RULE", "isEnforcedOnDeletedSecretVersions": True}
    bench.sim.seed("KEY", VALUE, secretRules=[rule])
    bench.sim.edit("KEY", value=b"second")
    bench.sim.edit("KEY", value=b"third")
    with pytest.raises(ValueReused):
        bench.vault.update(bench.secret("KEY"), VALUE, TAGS)

    assert bench.vault.promote(bench.secret("KEY"), VALUE, TAGS)
    assert bench.vault.read(bench.sim.get("KEY").id).version == 1
    assert bench.value("KEY") == VALUE
    assert bench.sim.tags("KEY") == TAGS
    assert not bench.vault.promote(bench.secret("KEY"), b"never", TAGS)


def test_a_value_that_the_current_version_holds_is_there(bench):
    """Where a reuse rule forbids the current value itself, only the tags are mended."""
    rule = {"ruleType": "SECRET_REUSE_RULE", "isEnforcedOnDeletedSecretVersions": True}
    bench.sim.seed("KEY", b"first", secretRules=[rule])
    bench.sim.edit("KEY", value=VALUE)
    with pytest.raises(ValueReused):
        bench.vault.update(bench.secret("KEY"), VALUE, TAGS)

    assert bench.vault.promote(bench.secret("KEY"), VALUE, TAGS)
    assert bench.vault.read(bench.sim.get("KEY").id).version == 2
    assert bench.sim.tags("KEY") == TAGS


def test_no_call_after_the_deadline(bench):
    """Once the time is used up, no call is made."""
    bench.clock.sleep(300)
    with pytest.raises(DeadlineReached):
        bench.vault.create("KEY", VALUE, TAGS, token="t1")
    assert bench.cloud.calls == []
