import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import oci
import pytest
from oci.vault import models

from functions.plan.models import State
from infra.local.oci.cloud import COMPARTMENT_ID, KEY_ID, VAULT_ID
from infra.local.oci.secret import Durations
from tests.support.local_oci import content, create, refused, schedule, update

DAY_SECONDS = 86_400
SECOND_EACH = Durations(creating=1, updating=1, scheduling=1, cancelling=1, deleting=1)


def names(vaults, **query):
    """Return the names of all pages of a list."""
    listed = oci.pagination.list_call_get_all_results(vaults.list_secrets, COMPARTMENT_ID, **query)
    return [row.secret_name for row in listed.data]


def test_a_secret_goes_through_every_state(clock, cloud, vaults):
    """A secret is created, updated, scheduled for deletion, restored and deleted, each through its own state."""
    cloud.vault.durations = SECOND_EACH

    def state():
        return vaults.get_secret(secret_id).data.lifecycle_state

    secret_id = create(vaults, "A").data.id
    assert state() == "CREATING"
    clock.sleep(1)
    assert state() == "ACTIVE"
    update(vaults, secret_id, b"two")
    assert state() == "UPDATING"
    clock.sleep(1)
    schedule(vaults, secret_id, clock.now() + timedelta(days=2))
    assert state() == "SCHEDULING_DELETION"
    clock.sleep(1)
    assert state() == "PENDING_DELETION"
    vaults.cancel_secret_deletion(secret_id)
    assert state() == "CANCELLING_DELETION"
    clock.sleep(1)
    assert state() == "ACTIVE"
    assert vaults.get_secret(secret_id).data.time_of_deletion is None
    schedule(vaults, secret_id, clock.now() + timedelta(days=2))
    clock.sleep(2 * DAY_SECONDS)
    assert state() == "DELETING"
    clock.sleep(1)
    assert state() == "DELETED"


def test_a_secret_in_transition_refuses_writes(cloud, vaults, secrets):
    """In any other state than the one it needs, a call answers 409 IncorrectState."""
    for state in set(State) - {State.ACTIVE, State.UNKNOWN}:
        secret_id = cloud.vault.seed(f"in-{state}", b"x", state=state)
        assert refused(update, vaults, secret_id, b"y") == (409, "IncorrectState")
        assert refused(schedule, vaults, secret_id) == (409, "IncorrectState")
        if state != State.PENDING_DELETION:
            assert refused(vaults.cancel_secret_deletion, secret_id) == (409, "IncorrectState")
        if state != State.UPDATING:
            assert refused(secrets.get_secret_bundle, secret_id)[0] == 404


def test_lists_are_paged_and_filtered(cloud, vaults):
    """A list comes in pages, newest first or by name, and by state, vault and name."""
    cloud.page_size = 2
    for age, name in enumerate(["b", "c", "a"]):
        cloud.vault.seed(name, b"x", age=timedelta(hours=age))
    cloud.vault.edit("a", state=State.FAILED)

    assert names(vaults) == ["b", "c", "a"]
    assert names(vaults, sort_by="NAME") == ["a", "b", "c"]
    assert names(vaults, sort_order="ASC") == ["a", "c", "b"]
    assert names(vaults, name="c", vault_id=VAULT_ID) == ["c"]
    assert names(vaults, lifecycle_state="FAILED") == ["a"]
    cloud.kms.add_vault("ocid1.vault.oc1.x.other", COMPARTMENT_ID)
    assert names(vaults, vault_id="ocid1.vault.oc1.x.other") == []
    assert cloud.count("ListSecrets", COMPARTMENT_ID) == 9


def test_a_list_shows_less_than_a_secret(cloud, vaults):
    """List items have tags, but neither metadata, rules nor the current version's number."""
    secret_id = cloud.vault.seed("A", b"x", tags={"k": "v"}, metadata={"m": 1})
    row = vaults.list_secrets(COMPARTMENT_ID).data[0]
    assert row.freeform_tags == {"k": "v"}
    assert not hasattr(row, "metadata")
    assert not hasattr(row, "current_version_number")
    secret = vaults.get_secret(secret_id).data
    assert (secret.metadata, secret.current_version_number) == ({"m": 1}, 1)


def test_a_stale_list_shows_the_past(clock, cloud, vaults):
    """With staleness, lists show secrets, states and tags as they were."""
    cloud.vault.list_staleness_seconds = 10
    secret_id = create(vaults, "A", freeform_tags={"n": "1"}).data.id
    assert names(vaults) == []
    clock.sleep(10)
    update(vaults, secret_id, freeform_tags={"n": "2"})
    schedule(vaults, secret_id)
    row = vaults.list_secrets(COMPARTMENT_ID).data[0]
    assert (row.freeform_tags, row.lifecycle_state) == ({"n": "1"}, "ACTIVE")
    clock.sleep(10)
    row = vaults.list_secrets(COMPARTMENT_ID).data[0]
    assert (row.freeform_tags, row.lifecycle_state) == ({"n": "2"}, "PENDING_DELETION")


def test_a_taken_name_is_refused_until_its_holder_is_deleted(clock, cloud, vaults, secrets):
    """A name is taken in the whole vault, whatever compartment and state hold it, DELETED excepted."""
    cloud.vault.seed("A", b"x", state=State.PENDING_DELETION, compartmentId="elsewhere")
    with pytest.raises(oci.exceptions.ServiceError, match="already exists") as caught:
        create(vaults, "A")
    assert (caught.value.status, caught.value.code) == (400, "InvalidParameter")
    assert refused(secrets.get_secret_bundle_by_name, "A", VAULT_ID)[0] == 404

    clock.sleep(31 * DAY_SECONDS)
    create(vaults, "A", b"new")
    bundle = secrets.get_secret_bundle_by_name("A", VAULT_ID).data
    assert base64.b64decode(bundle.secret_bundle_content.content) == b"new"


def test_a_repeated_create_makes_one_secret(clock, cloud, vaults):
    """The same retry token with the same request answers the same again; with another it is refused."""
    first = create(vaults, "A", token="t").data.id
    assert create(vaults, "A", token="t").data.id == first
    assert refused(create, vaults, "B", token="t") == (409, "InvalidatedRetryToken")
    clock.sleep(DAY_SECONDS)
    assert refused(create, vaults, "A", token="t") == (400, "InvalidParameter")


def test_one_of_many_creators_of_a_name_wins(cloud, vaults):
    """Of many creations of one name at once exactly one succeeds."""

    def attempt(number):
        try:
            create(vaults, "A", b"%d" % number)
        except oci.exceptions.ServiceError as error:
            return error.status
        return 200

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(attempt, range(8))) == [200, *[400] * 7]
    assert len(cloud.vault.secrets) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"secret_name": "a/b"}, "InvalidParameter"),
        ({"secret_name": "a" * 256}, "InvalidParameter"),
        ({"secret_content": content(b"x" * 25_001)}, "InvalidParameter"),
        ({"secret_content": content(b"")}, "InvalidParameter"),
        (
            {"secret_content": models.Base64SecretContentDetails(content="no base64")},
            "InvalidParameter",
        ),
        ({"freeform_tags": {str(n): "" for n in range(11)}}, "InvalidParameter"),
        ({"freeform_tags": {"k": "v" * 257}}, "InvalidParameter"),
        ({"secret_content": None}, "MissingParameter"),
    ],
)
def test_what_breaks_a_rule_is_refused(vaults, fields, code):
    """Bad names, contents and tags answer 400."""
    assert refused(create, vaults, "A", **fields) == (400, code)


def test_a_list_of_nowhere_is_refused(vaults):
    """To list a compartment or a vault that does not exist answers 404, not an empty list."""
    missing = (404, "NotAuthorizedOrNotFound")
    assert refused(vaults.list_secrets, "ocid1.compartment.oc1..none") == missing
    nowhere = {"vault_id": "ocid1.vault.oc1.x.none"}
    assert refused(vaults.list_secrets, COMPARTMENT_ID, **nowhere) == missing


def test_an_unknown_compartment_vault_or_key_is_named(cloud, vaults):
    """A compartment, vault or key that does not exist answers 404 with its OCID."""
    cloud.kms.add_vault("ocid1.vault.oc1.x.two", COMPARTMENT_ID)
    for fields, named in [
        ({"compartment_id": "ocid1.compartment.oc1..none"}, "ocid1.compartment.oc1..none"),
        ({"vault_id": "ocid1.vault.oc1.x.none"}, "ocid1.vault.oc1.x.none"),
        ({"key_id": "ocid1.key.oc1.x.none"}, "ocid1.key.oc1.x.none"),
        ({"vault_id": "ocid1.vault.oc1.x.two"}, KEY_ID),
    ]:
        with pytest.raises(oci.exceptions.ServiceError, match=named) as caught:
            create(vaults, "A", **fields)
        assert (caught.value.status, caught.value.code) == (404, "NotAuthorizedOrNotFound")


def test_a_stale_etag_is_refused(cloud, vaults):
    """A call for another revision answers 412."""
    made = create(vaults, "A")
    etag = made.headers["etag"]
    newer = update(vaults, made.data.id, b"two", if_match=etag).headers["etag"]
    assert newer != etag
    stale = (412, "NoEtagMatch")
    assert refused(update, vaults, made.data.id, b"three", if_match=etag) == stale
    assert refused(schedule, vaults, made.data.id, if_match=etag) == stale
    schedule(vaults, made.data.id, if_match=newer)
    assert refused(vaults.cancel_secret_deletion, made.data.id, if_match=newer) == stale


def test_deletion_takes_a_day_to_thirty(clock, cloud, vaults):
    """A deletion is scheduled 24 hours to 30 days ahead, 30 days where no time is given."""
    secret_id = create(vaults, "A").data.id
    for hours in (23, 30 * 24 + 1):
        when = clock.now() + timedelta(hours=hours)
        assert refused(schedule, vaults, secret_id, when) == (400, "InvalidParameter")
    schedule(vaults, secret_id)
    at = vaults.get_secret(secret_id).data.time_of_deletion
    assert at == clock.now() + timedelta(days=30)
    assert cloud.vault.live() == {}
    assert cloud.vault.states() == {"A": State.PENDING_DELETION}


def test_tests_may_edit_and_inspect_secrets(cloud, vaults):
    """Secrets are seeded, edited and read by hand without a call being logged."""
    cloud.vault.seed("A", b"one", age=timedelta(days=1))
    cloud.vault.edit("A", value=b"two", freeformTags={"by": "hand"})
    assert cloud.vault.live() == {"A": b"two"}
    assert cloud.vault.tags("A") == {"by": "hand"}
    assert cloud.calls == []
