"""Adding and changing a sync, against the function and the simulators."""

import json

import pytest

from infra.local import demo
from infra.local.oci.cloud import COMPARTMENT_ID, KEY_ID, VAULT_ID

SECONDS = 1000


def press(page, *keys):
    """Press keys one after the other."""
    for key in keys:
        page.keyboard.press(key)


def choose(page, label, text):
    """Choose from a select by the beginning of an option's text, as typing does."""
    select = page.get_by_label(label, exact=True)
    select.locator("option", has_text=text).first.wait_for(state="attached")
    select.select_option(label=select.locator("option", has_text=text).first.inner_text())


def fill_source(page, path="/shared"):
    """Fill in the first step."""
    page.get_by_label("Secret Path").wait_for()
    choose(page, "Environment", "prod")
    page.get_by_label("Secret Path").fill(path)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Destination", exact=True).wait_for()


def fill_destination(page):
    """Choose compartment, vault and key."""
    for label, text in (("Compartment", "local"), ("Vault", "vault"), ("Encryption Key", "key")):
        if label == "Compartment":
            select = page.get_by_label(label, exact=True)
            select.locator(f"option[value='{COMPARTMENT_ID}']").wait_for(state="attached")
            select.select_option(COMPARTMENT_ID)
        else:
            choose(page, label, text)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("heading", name="Sync Options").wait_for()


def fill_options(page, schema="{{environment}}_shared_{{secretKey}}", behavior="Overwrite"):
    """Choose how the sync behaves."""
    page.get_by_role("radio", name=behavior).check()
    page.get_by_role("textbox", name="Key Schema").fill(schema)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("heading", name="Details").wait_for()


def to_review(page):
    """Go on from Details to Review, and wait for the plan."""
    page.get_by_role("button", name="Next").click()
    page.locator("section.plan").wait_for()


def body_of(request):
    """Return what a request carried."""
    return json.loads(request.post_data)


def test_a_newcomer_adds_a_sync_by_keyboard_alone(user):
    """From the list to a sync that is Synced: no mouse, no reload, and the review shows what will be created."""
    page = user.page
    page.get_by_role("link", name="payments-prod").wait_for()
    page.get_by_role("button", name="Add Sync").focus()
    press(page, "Enter")
    page.get_by_label("Environment").wait_for()
    page.get_by_label("Environment").focus()
    page.keyboard.type("prod")
    press(page, "Tab")
    while page.evaluate("document.activeElement.id") != "field-secretPath":
        press(page, "Tab")
    press(page, "Control+A")
    page.keyboard.type("/shared")
    press(page, "Enter")
    for field, typed in (("compartmentOcid", "local"), ("vaultOcid", "v"), ("keyOcid", "k")):
        box = page.locator(f"#field-destinationConfig-{field}")
        box.locator("option").nth(1).wait_for(state="attached")
        box.focus()
        page.keyboard.type(typed)
        if field == "compartmentOcid" and box.input_value() != COMPARTMENT_ID:
            press(page, "ArrowDown")
        assert box.input_value()
    page.get_by_role("button", name="Next").focus()
    press(page, "Enter")
    page.get_by_role("radio", name="Overwrite").focus()
    press(page, "Space")
    page.get_by_role("textbox", name="Key Schema").focus()
    page.keyboard.type("SHARED_{{secretKey}}")
    assert "SHARED_API_KEY" in page.locator("form").inner_text()
    press(page, "Enter")
    page.get_by_role("heading", name="Details").wait_for()
    page.get_by_label("Name").focus()
    assert page.get_by_label("Name").input_value() == "shared-prod"
    press(page, "Enter")
    page.get_by_text("+ 5 create").wait_for()
    page.get_by_role("button", name="Create and sync").focus()
    press(page, "Enter")
    page.get_by_role("heading", name="shared-prod").wait_for()
    page.locator(".now", has_text="Synced").wait_for(timeout=30 * SECONDS)
    assert user.faults == []
    page.locator("table.cards", has_text="+ 5").wait_for()


def test_the_request_is_that_of_the_documentation(open_page, stack):
    """The same entries make the same request as the reference's sample, its field names and no others."""
    user = open_page(stack)
    user.sign_in("/syncs/new")
    page = user.page
    user.answers(
        "/api/v1/secret-syncs/oci-vault", {"statusCode": 400, "message": "seen"}, status=400
    )
    fill_source(page)
    fill_destination(page)
    fill_options(page, schema="")
    page.get_by_label("Name").fill("my-oci-vault-sync")
    page.get_by_label("Description").fill("an example sync")
    to_review(page)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Create and sync").click()
    page.get_by_role("alert").wait_for()
    [request] = [one for one in user.sent("POST") if "/oci-vault?plan=" in one.url]
    assert body_of(request) == {
        "name": "my-oci-vault-sync",
        "projectId": demo.PROJECT_ID,
        "description": "an example sync",
        "connectionId": body_of(request)["connectionId"],
        "environment": "prod",
        "secretPath": "/shared",
        "isEnabled": True,
        "syncOptions": {"initialSyncBehavior": "overwrite-destination"},
        "destinationConfig": {
            "compartmentOcid": COMPARTMENT_ID,
            "vaultOcid": VAULT_ID,
            "keyOcid": KEY_ID,
        },
    }


def test_every_step_and_option_has_its_name(open_page, stack):
    """Who knows the reference's pages finds each step and option under its name, in its order."""
    user = open_page(stack)
    user.sign_in("/syncs/new")
    page = user.page
    page.locator(".steps").wait_for()
    steps = ["Destination type", "Source", "Destination", "Sync Options", "Details", "Review"]
    assert page.locator(".steps li").all_inner_texts() == steps
    found = ["Environment", "Secret Path"]
    assert [name for name in found if page.get_by_label(name, exact=True).count() != 1] == []
    fill_source(page)
    found = ["OCI Connection", "Compartment", "Vault", "Encryption Key"]
    assert [name for name in found if page.get_by_label(name, exact=True).count() != 1] == []
    fill_destination(page)
    assert page.get_by_role("radio").evaluate_all(
        "all => all.slice(0, 3).map(one => one.value)"
    ) == [
        "overwrite-destination",
        "import-prioritize-source",
        "import-prioritize-destination",
    ]
    text = page.locator("form").inner_text()
    names = (
        "Initial Sync Behavior",
        "Overwrite Destination Secrets",
        "Import Secrets (Prioritize Source)",
        "Import Secrets (Prioritize OCI Vault)",
        "Key Schema",
        "{{secretKey}}",
        "{{environment}}",
        "Auto-Sync Enabled",
        "Disable Secret Deletion",
    )
    assert [name for name in names if name not in text] == []


def test_nothing_is_deleted_unseen(open_page, stack):
    """Overwriting a vault without a key schema names what would go; without the tick nothing is created."""
    user = open_page(stack)
    user.sign_in("/syncs/new")
    page = user.page
    fill_source(page)
    fill_destination(page)
    fill_options(page, schema="")
    page.get_by_label("Name").fill("all-of-it")
    to_review(page)
    warning = page.locator(".stop").first.inner_text()
    assert "Every secret of this vault and compartment" in warning
    assert "billing_PASSWORD" in warning
    create = page.get_by_role("button", name="Create and sync, delete")
    assert create.is_disabled()
    assert "billing_PASSWORD" in page.locator(".consent").inner_text()
    create.evaluate("button => button.disabled = false")
    page.locator(".consent input").check()
    assert create.is_enabled()
    page.get_by_role("button", name="Import first").click()
    page.get_by_text("The initial import comes first").wait_for()
    page.get_by_role("button", name="Change Sync Options").click()
    page.get_by_role("radio", name="Overwrite").check()
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Set a key schema").click()
    page.get_by_role("textbox", name="Key Schema").fill("quiet_{{secretKey}}")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("heading", name="Details").wait_for()
    to_review(page)
    assert page.locator(".consent").count() == 0
    assert "- 0 delete" in page.locator(".plan .head").inner_text()
    assert "billing_PASSWORD" in stack.cloud.vault.live()


def test_wrong_fields_are_named_before_anything_is_asked(open_page, stack):
    """Next checks a step by the API's own rules; the fault stands at its field, which gets the focus."""
    user = open_page(stack)
    user.sign_in("/syncs/new")
    page = user.page
    page.get_by_label("Secret Path").fill("no slash")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert page.get_by_role("alert").inner_text() == "2 fields need a look."
    assert "must begin with a slash" in page.locator("#field-secretPath-help").inner_text()
    assert page.get_by_label("Environment").evaluate("field => field === document.activeElement")
    choose(page, "Environment", "prod")
    page.get_by_label("Secret Path").fill("/nowhere")
    page.keyboard.press("Enter")
    page.locator("#field-secretPath-help .fault").wait_for()
    help_text = page.locator("#field-secretPath-help").inner_text()
    assert "Could not find the folder with this path" in help_text


def test_the_draft_outlives_the_token(open_page, stack):
    """A token that is refused in the middle is asked for again; then the draft is as it was."""
    user = open_page(stack)
    user.sign_in("/syncs/new")
    page = user.page
    fill_source(page)
    page.get_by_label("Compartment", exact=True).wait_for()
    page.route(
        "**/api/v1/**",
        lambda route: route.fulfill(status=401, json={"statusCode": 401, "message": "gone"}),
    )
    page.get_by_role("button", name="Source").click()
    page.get_by_label("Secret Path").fill("/api")
    page.keyboard.press("Enter")
    page.get_by_label("API token").wait_for()
    page.unroute_all()
    user.give_token()
    page.get_by_role("heading", name="Destination", exact=True).wait_for()
    page.get_by_role("button", name="Source").click()
    assert page.get_by_label("Secret Path").input_value() == "/api"


def test_leaving_with_changes_asks(open_page, stack):
    """Who leaves a changed draft is asked; Cancel keeps it, Leave drops it."""
    user = open_page(stack)
    user.sign_in("/syncs/new")
    page = user.page
    page.get_by_label("Secret Path").fill("/shared")
    page.get_by_role("link", name="Syncs").click()
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    assert page.get_by_label("Secret Path").input_value() == "/shared"
    page.get_by_role("link", name="Syncs").click()
    page.get_by_role("button", name="Leave").click()
    page.get_by_role("heading", name="Syncs").wait_for()


def test_an_edit_sends_what_changed_only(user, stack):
    """An edit shows the same review, and sends the changed fields alone."""
    page = user.page
    page.get_by_role("link", name="payments-prod").click()
    page.get_by_role("link", name="Edit Sync Options").click()
    page.get_by_label("Disable Secret Deletion").check()
    page.get_by_role("button", name="Review").click()
    page.locator("section.plan").wait_for()
    page.get_by_role("button", name="Save and sync").click()
    page.locator(".now").wait_for()
    [request] = user.sent("PATCH")
    body = body_of(request)
    assert body == {"syncOptions": {"disableSecretDeletion": True}}
    stored = json.loads(stack.bucket.get(f"secret-syncs/{demo.SYNC_FILE}"))
    assert stored["syncOptions"]["disableSecretDeletion"] is True
    assert stored["syncOptions"]["keySchema"] == "{{environment}}_{{secretKey}}"
    page.get_by_role("link", name="Edit Sync Options").click()
    page.get_by_label("Disable Secret Deletion").uncheck()
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Save and sync").click()
    page.locator(".now").wait_for()
    assert user.faults == []


OPTIONS = {
    "deletionGuard": {"maxPercent": 10, "minCount": 2},
    "filter": {"tags": ["prod", "eu"], "match": "all"},
    "bundle": {"name": "app-config", "format": "env"},
    "tags": {
        "freeformTags": {"team": "pay=ments"},
        "definedTags": {"Operations": {"CostCentre": "42"}},
    },
}


def fill_advanced(page):
    """Fill in what is behind Advanced, as OPTIONS says."""
    page.get_by_text("Advanced", exact=True).click()
    page.get_by_label("Asks from so many deletions on").fill("2")
    page.get_by_label("If they are more than this share").fill("10")
    page.get_by_label("Only keys with these tags").fill("prod, eu")
    page.get_by_role("radio", name="All of them").check()
    page.get_by_label("All keys as one secret").fill("app-config")
    page.get_by_role("radio", name="Lines for a shell").check()
    lines = page.get_by_label("Tags of the vault secrets")
    lines.fill("team=pay=ments\nOperations.CostCentre=42\n")


def test_every_option_can_be_set(open_page, stack):
    """Guard, filter, bundle and tags are sent as the API takes them; what is wrong with them stands at its field."""
    user = open_page(stack)
    user.sign_in("/syncs/new")
    page = user.page
    sent = {"statusCode": 400, "message": "seen"}
    user.answers("/api/v1/secret-syncs/oci-vault", sent, status=400)
    fill_source(page)
    fill_destination(page)
    page.get_by_role("radio", name="Overwrite").check()
    page.get_by_role("textbox", name="Key Schema").fill("ADVANCED_{{secretKey}}")
    page.get_by_role("textbox", name="Key Schema").press("Home")
    page.get_by_role("button", name="{{folderPath}}_").click()
    shown = page.locator("#field-syncOptions-keySchema-help").inner_text()
    assert shown == "API_KEY → ADVANCED_API_KEY, db/users/API_KEY → db_users_ADVANCED_API_KEY"
    page.get_by_role("textbox", name="Key Schema").fill("ADVANCED_{{secretKey}}")
    fill_advanced(page)
    assert page.get_by_role("radio", name="Prioritize Source").is_disabled()
    page.get_by_label("Only keys with these tags").fill("two words")
    page.get_by_label("Asks from so many deletions on").fill("0")
    page.get_by_text("Advanced", exact=True).click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("alert").wait_for()
    assert "named by its slug" in page.locator("#field-syncOptions-filter\\.tags-help").inner_text()
    help_text = page.locator("#field-syncOptions-deletionGuard\\.minCount-help").inner_text()
    assert "A whole number from 1 on." in help_text
    page.get_by_label("Only keys with these tags").fill("prod, eu")
    page.get_by_label("Asks from so many deletions on").fill("2")
    page.get_by_label("Tags of the vault secrets").fill("no tag")
    page.get_by_role("button", name="Next").click()
    page.get_by_text("Each line is name=value.").wait_for()
    page.get_by_label("Tags of the vault secrets").fill("team=pay=ments\nOperations.CostCentre=42")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("heading", name="Details").wait_for()
    page.get_by_label("Name").fill("advanced")
    to_review(page)
    facts = page.locator(".columns").inner_text()
    assert [
        fact for fact in ("all of prod, eu", "app-config (one secret)") if fact not in facts
    ] == []
    page.get_by_role("button", name="Create and sync").click()
    page.get_by_role("alert").wait_for()
    [request] = [one for one in user.sent("POST") if "/oci-vault?plan=" in one.url]
    assert body_of(request)["syncOptions"] == {
        "initialSyncBehavior": "overwrite-destination",
        "keySchema": "ADVANCED_{{secretKey}}",
        **OPTIONS,
    }


def test_an_edit_keeps_what_it_does_not_change(open_page, stack):
    """Options that are set stay as they are through an edit of another; emptied, each gets its default."""
    name = f"secret-syncs/{demo.SYNC_FILE}"
    before = stack.bucket.get(name)
    config = json.loads(before)
    config["syncOptions"] |= OPTIONS
    config["isAutoSyncEnabled"] = False
    stack.bucket.put(name, json.dumps(config).encode())
    user = open_page(stack)
    user.sign_in()
    page = user.page
    page.get_by_role("link", name="payments-prod").click()
    page.get_by_text("2 or more, over 10 %").wait_for()
    for days in ("9", "7"):
        page.get_by_role("link", name="Edit Sync Options").click()
        page.get_by_text("Advanced", exact=True).click()
        page.get_by_label("Days until deletion").fill(days)
        if days == "7":
            page.get_by_label("Only keys with these tags").fill("")
            page.get_by_label("Tags of the vault secrets").fill("")
            page.get_by_label("All keys as one secret").fill("")
            page.get_by_label("Asks from so many deletions on").fill("4")
            page.get_by_label("If they are more than this share").fill("30")
        page.get_by_role("button", name="Review").click()
        page.locator("section.plan").wait_for()
        page.get_by_role("button", name="Save, paused").click()
        page.locator(".now").wait_for()
        stored = json.loads(stack.bucket.get(name))["syncOptions"]
        assert {option: stored.get(option) for option in OPTIONS} == (
            OPTIONS if days == "9" else dict.fromkeys(OPTIONS)
        )
    assert [body_of(request) for request in user.sent("PATCH")] == [
        {"syncOptions": {"deletionDays": 9}},
        {"syncOptions": {"deletionDays": 7, **dict.fromkeys(OPTIONS)}},
    ]
    stack.bucket.put(name, before)
    assert user.faults == []


@pytest.mark.parametrize("action", ["duplicate"])
def test_a_duplicate_is_a_draft_without_a_name(user, action):
    """Duplicate fills in everything but the name."""
    page = user.page
    page.get_by_role("button", name="Actions for payments-prod").click()
    page.get_by_role("button", name=action.capitalize()).click()
    page.get_by_label("Secret Path").wait_for()
    assert page.get_by_label("Secret Path").input_value() == "/api"
    page.get_by_role("button", name="Next").click()
    page.get_by_role("heading", name="Destination", exact=True).wait_for()
