"""A guard that stops a sync, a plan that changes, and drift, on a sync of 24 keys."""

import pytest

from functions.plan.sync_config import PREFIX as CONFIGS
from infra.local import demo
from tests.console.conftest import running_stack

KEYS = [f"KEY_{number:02}" for number in range(24)]
FOLDER = "/many"


@pytest.fixture(scope="module")
def stack():
    """A vault that holds the 24 keys of a folder, half of which were then deleted at the source."""
    with running_stack() as stack:
        stack.infisical.webhooks.url = None
        for key in KEYS:
            stack.infisical.source.set("prod", FOLDER, key, "value")
        config = demo.sync_config().replace(b'"/api"', f'"{FOLDER}"'.encode())
        stack.bucket.put(f"{CONFIGS}{demo.SYNC_FILE}", config)
        stack.command("sync", sync=demo.SYNC_NAME)
        for key in KEYS[:12]:
            stack.infisical.source.delete("prod", FOLDER, key)
        stack.command("sync", sync=demo.SYNC_NAME)
        yield stack


def test_a_guard_is_lifted_for_what_was_seen_only(user, stack):
    """The list says that a guard holds it; the plan shows the 12 deletions; a plan that changed is not forced."""
    page = user.page
    page.locator("tbody", has_text="Held by a guard").wait_for()
    page.get_by_role("button", name="Actions for payments-prod").click()
    page.get_by_role("button", name="Sync now").click()
    page.get_by_text("A guard stops this sync.").wait_for()
    assert "Deletions 12" in page.locator(".plan").inner_text()
    stack.infisical.source.delete("prod", FOLDER, KEYS[12])
    force(page, 12)
    page.get_by_text("It changed while you looked").wait_for()
    page.get_by_text("Deletions 13").wait_for()
    assert len(stack.cloud.vault.live()) == len(KEYS) + 1  # the credentials lie there, too
    force(page, 13)
    page.get_by_role("heading", name="payments-prod", exact=True).wait_for()
    page.locator(".now", has_text="Synced").wait_for()
    live = sorted(name for name in stack.cloud.vault.live() if name.startswith("prod_"))
    assert live == [f"prod_{key}" for key in KEYS[13:]]
    assert user.faults == []


def force(page, number):
    """Force the plan that is shown: Enter does not, and neither does a wrong number."""
    page.get_by_role("button", name="Force", exact=False).click()
    button = page.get_by_role("dialog").get_by_role("button", name="Force")
    page.get_by_label("Number of deletions").fill(str(number + 1))
    assert button.is_disabled()
    page.get_by_label("Number of deletions").fill(str(number))
    page.keyboard.press("Enter")
    assert page.get_by_role("dialog").is_visible()
    button.click()


def test_what_somebody_changed_by_hand_is_named(user, stack):
    """A secret that was changed in the vault is put right, and the history names it as drift."""
    name = f"prod_{KEYS[20]}"
    stack.cloud.vault.edit(name, value=b"by hand")
    page = user.page
    page.get_by_role("link", name="payments-prod").click()
    page.get_by_role("button", name="Sync now").first.click()
    page.get_by_role("heading", name="Drift of the last runs").wait_for()
    assert name in page.locator("main").inner_text()
    assert stack.cloud.vault.live()[name] == b"value"
    assert user.faults == []
