"""Who may do what, what becomes of the token, hostile names, and a function that dies."""

import hashlib
import json
import secrets

import pytest
from playwright.sync_api import Route

from functions.plan.sync_config import PREFIX as CONFIGS
from infra.local import demo
from infra.local.services import CREDENTIALS_NAME
from tests.console import rows

MARKUP = "<img src=x onerror=alert(1)>"
ROOT = "/api/v1/secret-syncs"


@pytest.fixture(scope="module")
def read_token(stack):
    """A token that may only read, known from now on."""
    token = secrets.token_urlsafe()
    stored = json.loads(stack.cloud.vault.live()[CREDENTIALS_NAME])
    entry = {"sha256": hashlib.sha256(token.encode()).hexdigest(), "role": "read"}
    stored["apiTokenHashes"].append(entry)
    stack.cloud.vault.edit(CREDENTIALS_NAME, value=json.dumps(stored).encode())
    stack.host.kill()  # new containers read the credentials anew
    return token


def test_a_read_token_changes_nothing(open_page, stack, read_token):
    """Each control that changes something is disabled and says why; forced, the server refuses."""
    user = open_page(stack, token=read_token)
    user.sign_in()
    page = user.page
    page.get_by_role("link", name="payments-prod").wait_for()
    assert "read-only token" in page.locator("header").inner_text()
    page.get_by_role("button", name="Actions for payments-prod").click()
    names = ("Add Sync", "Sync now", "Pause auto-sync", "Import …", "Remove secrets …", "Delete …")
    for name in (*names, "Edit", "Duplicate"):
        button = page.get_by_role("button", name=name)
        assert button.is_disabled(), name
        assert button.get_attribute("aria-describedby") == "read-only"
    assert page.locator("#read-only").text_content() == "Your token may only read."
    assert page.get_by_role("button", name="Plan").is_enabled()
    switch = page.get_by_role("switch")
    switch.evaluate("one => one.disabled = false")
    switch.click()
    page.get_by_role("alert").wait_for()
    assert "may only read" in page.get_by_role("alert").inner_text()
    assert json.loads(stack.bucket.get(f"{CONFIGS}{demo.SYNC_FILE}")).get("isAutoSyncEnabled", True)
    assert user.faults == []


def test_the_token_stays_where_it_belongs(open_page, stack):
    """The token is in the tab's own storage and in headers: in no URL, attribute, log line or other storage."""
    user = open_page(stack)
    user.sign_in()
    page = user.page
    page.get_by_role("link", name="payments-prod").click()
    page.get_by_role("heading", name="History").wait_for()
    assert user.token not in page.content()
    assert user.token not in page.url
    assert [one.url for one in user.requests if user.token in one.url] == []
    kept = page.evaluate("JSON.stringify([{...localStorage}, document.cookie])")
    assert kept == '[{},""]'
    assert user.token in page.evaluate("JSON.stringify({...sessionStorage})")
    assert [text for text in user.said if user.token in text] == []
    page.reload()
    page.get_by_role("heading", name="History").wait_for()
    page.get_by_role("button", name="Token and keys").click()
    page.get_by_role("button", name="Forget token").click()
    page.get_by_label("API token").wait_for()
    assert user.token not in page.evaluate("JSON.stringify({...sessionStorage})")


def test_an_unused_page_forgets_the_token(open_page, stack):
    """After half an hour without use the token is gone, also when the tab slept that long."""
    user = open_page(stack)
    user.page.clock.install()
    user.sign_in()
    user.page.get_by_role("link", name="payments-prod").wait_for()
    user.page.clock.fast_forward("20:00")
    user.page.mouse.click(5, 5)
    user.page.clock.fast_forward("20:00")
    assert user.page.get_by_label("API token").count() == 0
    user.page.clock.fast_forward("31:00")
    user.page.get_by_text("Nobody used this page for 30 minutes").wait_for()
    assert "token" not in user.page.evaluate("JSON.stringify({...sessionStorage})")


def test_a_late_refusal_does_not_ask_twice(open_page, stack):
    """A refusal of a request from before the token was given again is no reason to ask once more."""
    refusal = {"statusCode": 401, "message": "gone"}
    user = open_page(stack)
    user.sign_in()
    page = user.page
    held: list[Route] = []
    page.route("**/runs", lambda route: route.continue_() if held else held.append(route))
    one = "**/secret-syncs/oci-vault/*"
    page.route(one, lambda route: route.fulfill(status=401, json=refusal))
    page.get_by_role("link", name="payments-prod").click()
    page.get_by_label("API token").wait_for()
    page.unroute(one)
    user.give_token()
    with page.expect_response(
        lambda answer: answer.url.endswith("/runs") and answer.ok, timeout=5_000
    ):
        held[0].fulfill(status=401, json=refusal)
    page.get_by_role("heading", name="History").wait_for()
    assert page.get_by_label("API token").count() == 0


def test_a_wrong_token_is_told_how_to_get_a_right_one(open_page, stack):
    """A token that is not known brings the two lines that make one."""
    user = open_page(stack)
    user.open()
    user.page.get_by_label("API token").fill("wrong")
    user.page.keyboard.press("Enter")
    user.page.get_by_text("This token is not known.").wait_for()
    assert "apiTokenHashes" in user.page.locator("main").inner_text()


def test_names_are_text(open_page, stack):
    """Markup in a name, description, message or folder is shown as it is and does nothing."""
    hostile = rows.sync(
        1,
        name=MARKUP,
        description=MARKUP,
        lastSyncMessage=MARKUP,
        folder={"id": "f", "path": MARKUP},
    )
    one = f"{ROOT}/oci-vault/{hostile['id']}"
    user = open_page(stack)
    user.page.on("dialog", lambda dialog: user.said.append(f"dialog {dialog.message}"))
    user.answers(ROOT, {"secretSyncs": [hostile], "broken": [], "truncated": False})
    user.answers(one, {"secretSync": hostile, "warnings": []})
    user.answers(f"{one}/runs", {"runs": [rows.run(1, message=MARKUP, drift=[MARKUP])]})
    user.answers(f"{one}/plan", {"plan": rows.plan(("create", MARKUP), warnings=[MARKUP])})
    user.sign_in()
    user.page.get_by_role("link", name=MARKUP).click()
    user.page.get_by_role("heading", name=MARKUP).wait_for()
    user.page.get_by_role("button", name="Plan", exact=True).first.click()
    user.page.locator(".plan", has_text=MARKUP).wait_for()
    assert user.page.locator("img").count() == 0
    assert user.faults == []


def test_a_function_that_dies_is_asked_once(open_page, stack):
    """Where the function dies under an action it is told so; nothing is sent twice, and the server's status counts."""
    user = open_page(stack)
    user.sign_in()
    page = user.page
    page.get_by_role("link", name="payments-prod").wait_for()
    user.requests.clear()
    gateway_error = {"code": 502, "message": "Bad Gateway"}
    page.route("**/sync-secrets*", lambda route: route.fulfill(status=502, json=gateway_error))
    page.get_by_role("button", name="Actions for payments-prod").click()
    page.get_by_role("button", name="Sync now").click()
    alert = page.get_by_role("alert")
    assert "The function cannot be reached (502" in alert.inner_text()
    assert sum("sync-secrets" in one.url for one in user.requests) == 1
    page.locator("tbody .badge", has_text="Synced").wait_for()
    with page.expect_request("**/sync-secrets*"):
        alert.get_by_role("button", name="Try again").click()


def test_a_gateway_that_is_gone_is_said_so(open_page, stack):
    """Without a network the page says that the gateway cannot be reached; a read is tried again by hand."""
    user = open_page(stack)
    user.sign_in()
    user.page.get_by_role("link", name="payments-prod").wait_for()
    user.page.route("**/api/v1/**", lambda route: route.abort())
    user.page.get_by_role("button", name="Refresh").click()
    assert "The gateway cannot be reached." in user.page.get_by_role("alert").inner_text()
    user.page.unroute_all()
    user.page.get_by_role("button", name="Try again").click()
    user.page.get_by_role("alert").wait_for(state="detached")


@pytest.mark.parametrize("status", [429, 503])
def test_a_read_is_tried_again_once(open_page, stack, status):
    """A function or gateway that is busy is asked once more for what is only read."""
    user = open_page(stack)
    statuses = iter([status])

    def answer(route):
        if next(statuses, None):
            headers = {"Retry-After": "1"}
            route.fulfill(status=status, json=rows.refusal(status, "busy"), headers=headers)
        else:
            route.continue_()

    user.page.route(f"**{ROOT}", answer)
    user.sign_in()
    user.page.get_by_role("link", name="payments-prod").wait_for()
    assert sum(one.url.endswith(ROOT) for one in user.requests) == 2


def test_two_requests_at_a_time_and_a_word_while_they_wait(open_page, stack):
    """Never more than two requests are under way; after a while the page says that the function wakes."""
    user = open_page(stack)
    user.hangs(ROOT)
    user.hangs("/api/v1/projects")
    user.sign_in()
    user.page.get_by_text("Waking the function …").wait_for()
    assert [one.url.rpartition("/")[2] for one in user.requests[2:]] == ["secret-syncs", "projects"]


def test_everything_can_be_paused(user):
    """The emergency stop stands on every page with its end; resuming takes it away."""
    page = user.page
    page.get_by_role("button", name="Token and keys").click()
    page.get_by_role("button", name="Pause all syncs …").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause all syncs").click()
    banner = page.locator(".banner")
    assert "All syncs are paused since" in banner.inner_text()
    page.get_by_role("link", name="Connections").click()
    banner.get_by_role("button", name="Resume").click()
    banner.wait_for(state="detached")
    assert user.faults == []
