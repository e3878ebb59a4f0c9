"""What can be done with a sync and a connection, against the function and the simulators."""

import pytest

from functions.plan.sync_config import PREFIX as CONFIGS
from infra.local import demo
from tests.console import rows
from tests.console.conftest import running_stack
from tests.support.api import access_key

LIST = "/api/v1/secret-syncs"
BUTTON = "Actions for payments-prod"


@pytest.fixture
def stack():
    """The demo of its own, as each of these tests changes it."""
    with running_stack() as stack:
        demo.fill_vault(stack.cloud.vault)
        stack.bucket.put(f"{CONFIGS}{demo.SYNC_FILE}", demo.sync_config())
        stack.command("sync", sync=demo.SYNC_NAME)
        yield stack


def act(page, name):
    """Choose from the menu of the sync."""
    page.get_by_role("button", name=BUTTON).click()
    page.get_by_role("button", name=name).click()


def own(stack):
    """The names in the vault that the sync wrote."""
    return [name for name in stack.cloud.vault.live() if name.startswith(demo.VAULT_PREFIX)]


def test_auto_sync_is_paused_at_once_and_resumed_after_a_look(user, stack):
    """Pausing needs one click; resuming shows what it does first, as it syncs at once."""
    page = user.page
    switch = page.get_by_role("switch")
    switch.click()
    page.locator("tbody .badge", has_text="Paused").wait_for()
    stack.infisical.source.delete("prod", demo.FOLDER, "STRIPE_API_KEY")
    switch.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("prod_STRIPE_API_KEY").wait_for()
    dialog.get_by_role("button", name="Resume auto-sync").click()
    page.locator("tbody .badge", has_text="Synced").wait_for()
    assert "prod_STRIPE_API_KEY" not in stack.cloud.vault.live()
    assert user.faults == []


def test_an_import_brings_the_vaults_secrets(user, stack):
    """An import names where it writes, and needs a choice of whose value counts."""
    stack.cloud.vault.seed("prod_FROM_THE_VAULT", b"value")
    page = user.page
    page.get_by_role("link", name="payments-prod").wait_for()
    act(page, "Import …")
    dialog = page.get_by_role("dialog")
    button = dialog.get_by_role("button", name="Import into the source")
    assert button.is_disabled()
    assert "prod:/api" in dialog.inner_text()
    dialog.get_by_role("radio", name="Source first").check()
    button.click()
    page.get_by_text("payments-prod: import succeeded.").wait_for()
    assert stack.infisical.source.folders["prod", "/api"].get("FROM_THE_VAULT").value == "value"


def test_secrets_are_removed_after_the_name_is_typed(user, stack):
    """Removing secrets names each of them, and nobody else's, and needs the sync's name; then the list says so."""
    page = user.page
    page.get_by_role("link", name="payments-prod").wait_for()
    act(page, "Remove secrets …")
    shown = page.get_by_role("dialog").locator(".names li")
    shown.first.wait_for()
    assert sorted(shown.all_inner_texts()) == sorted(own(stack))
    button = page.get_by_role("dialog").get_by_role("button", name="Remove its secrets")
    page.get_by_label("Name of the sync").fill("payments")
    assert button.is_disabled()
    page.get_by_label("Name of the sync").fill("payments-prod")
    button.click()
    page.locator("tbody .badge", has_text="Secrets removed").wait_for()
    assert own(stack) == []
    assert user.faults == []


@pytest.mark.parametrize("fate", ["Keep", "Remove"])
def test_a_sync_is_deleted_after_its_name_is_typed(user, stack, fate):
    """Deleting keeps the secrets or removes them first; then the row is gone."""
    page = user.page
    page.get_by_role("link", name="payments-prod").wait_for()
    act(page, "Delete …")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name=f"{fate} its secrets").check()
    if fate == "Remove":
        dialog.locator(".names li", has_text="prod_STRIPE_API_KEY").wait_for()
    assert (dialog.locator(".names").count() == 1) == (fate == "Remove")
    page.get_by_label("Name of the sync").fill("payments-prod")
    dialog.get_by_role("button", name="Delete the sync").click()
    page.get_by_text("No syncs in this project yet.").wait_for()
    assert stack.bucket.get(f"{CONFIGS}{demo.SYNC_FILE}") is None
    assert bool(own(stack)) == (fate == "Keep")
    assert user.faults == []


def test_a_connection_is_proved_used_and_kept_while_it_is_used(user, stack, tmp_path):
    """A key that OCI refuses stays at the form, without the private key; one that works is offered."""
    credentials, public = access_key(tmp_path)
    page = user.page
    page.get_by_role("link", name="Connections").click()
    page.get_by_role("button", name="New connection …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("other-tenancy")
    for label, field in (
        ("User OCID", "userOcid"),
        ("Tenancy OCID", "tenancyOcid"),
        ("Region", "region"),
        ("Fingerprint", "fingerprint"),
    ):
        dialog.get_by_label(label).fill(credentials[field])
    key = dialog.get_by_label("Private key", exact=True)
    save = dialog.get_by_role("button", name="Save")
    key.fill(credentials["privateKey"])
    save.click()
    dialog.get_by_role("alert").wait_for()
    assert "Failed to validate credentials" in dialog.get_by_role("alert").inner_text()
    assert key.input_value() == ""
    stack.cloud.trust(public)
    key.fill(credentials["privateKey"])
    save.click()
    page.locator("tbody", has_text="other-tenancy").wait_for()
    row = page.locator("tbody tr", has_text="other-tenancy")
    assert "no sync" in row.inner_text()
    page.get_by_role("link", name="payments-prod").wait_for()
    row.get_by_role("button", name="Delete …").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete the connection").click()
    row.wait_for(state="detached")
    assert user.faults == []


def test_a_connection_in_use_stays(user, stack):
    """What the server says of a connection that cannot be deleted stands in the dialog."""
    connection = {
        **dict.fromkeys(("description", "orgId"), None),
        "id": rows.sync(7)["id"],
        "name": "used",
        "method": "access-key",
        "version": 1,
        "credentials": dict.fromkeys(("userOcid", "tenancyOcid", "region", "fingerprint")),
    }
    sync = rows.sync(1, connectionId=connection["id"])
    user.answers("/api/v1/app-connections/oci", {"appConnections": [connection]})
    user.answers(LIST, {"secretSyncs": [sync], "broken": [], "truncated": False})
    user.answers(
        f"/api/v1/app-connections/oci/{connection['id']}",
        rows.refusal(400, "This connection is used by 1 sync; change that first: sync-0001."),
        status=400,
    )
    page = user.page
    page.get_by_role("link", name="Connections").click()
    row = page.locator("tbody tr", has_text="used")
    assert "sync-0001" in row.inner_text()
    row.get_by_role("button", name="Delete …").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete the connection").click()
    assert "sync-0001" in page.get_by_role("dialog").get_by_role("alert").inner_text()
