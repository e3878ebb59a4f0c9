"""Draws the pictures of the console in docs/: `python -m tests.console.pictures FOLDER`."""

import json
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from functions.plan.sync_config import PREFIX as CONFIGS
from infra.local import demo
from tests.console.conftest import FLAGS, find_chromium, running_stack
from tests.console.user import User

WIDTH = 1200
LEAGUE = "/league"
KEYS = [
    f"{place}_{what}"
    for place in ("EU", "US", "ASIA")
    for what in ("HOST", "USER", "PASSWORD", "PORT")
]


def fill(stack):
    """Make a vault with what gathers over time, and three syncs: one well, one paused, one stopped by a guard."""
    stack.infisical.webhooks.url = None
    demo.change_source(stack.infisical.source)
    demo.fill_vault(stack.cloud.vault)
    for key in KEYS:
        stack.infisical.source.set("prod", LEAGUE, key, "value")
    add(stack, demo.SYNC_NAME, "Keys of the payment service", {})
    add(stack, "league-prod", None, {"secretPath": LEAGUE}, "LEAGUE_{{secretKey}}")
    quiet = {"secretPath": demo.SHARED_FOLDER, "isAutoSyncEnabled": False}
    add(stack, "shared-prod", "By hand only", quiet, "SHARED_{{secretKey}}")
    for key in KEYS[:7]:
        stack.infisical.source.delete("prod", LEAGUE, key)
    stack.command("sync", sync="league-prod")


def add(stack, name, description, fields, schema=None):
    """Store the config of a sync, and sync it."""
    config = json.loads(demo.sync_config()) | {"name": name} | fields
    if description:
        config["description"] = description
    if schema:
        config["syncOptions"]["keySchema"] = schema
    stack.bucket.put(f"{CONFIGS}{demo.PROJECT_ID}/{name}.json", json.dumps(config).encode())
    stack.command("sync", sync=name)


def draw(user, folder, name):
    """Keep what the window shows."""
    user.page.mouse.move(0, 0)
    user.page.get_by_text("Waking the function").wait_for(state="detached")
    height = user.page.evaluate(
        "document.querySelector('main').lastElementChild.getBoundingClientRect().bottom"
    )
    user.page.screenshot(
        path=folder / f"console-{name}.png",
        clip={"x": 0, "y": 0, "width": WIDTH, "height": round(height) + 24},
        full_page=True,
    )


def draw_review(user):
    """Go through the wizard to a review that deletes."""
    page = user.page
    page.get_by_role("button", name="Add Sync").click()
    page.get_by_label("Environment").select_option("prod")
    page.get_by_label("Secret Path").fill(demo.SHARED_FOLDER)
    page.keyboard.press("Enter")
    for field in ("compartmentOcid", "vaultOcid", "keyOcid"):
        box = page.locator(f"#field-destinationConfig-{field}")
        wanted = json.loads(demo.sync_config())["destinationConfig"][field]
        box.locator(f"option[value='{wanted}']").wait_for(state="attached")
        box.select_option(wanted)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("radio", name="Overwrite").check()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Name").fill("everything-prod")
    page.get_by_role("button", name="Next").click()
    page.locator("section.plan").wait_for()


def main(folder):
    """Draw the list, a review with deletions, and a plan that a guard holds."""
    folder.mkdir(parents=True, exist_ok=True)
    with running_stack() as stack, sync_playwright() as playwright:
        fill(stack)
        program = find_chromium()
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        user = User(browser, stack, width=WIDTH)
        user.sign_in()
        user.page.get_by_role("link", name="league-prod").wait_for()
        draw(user, folder, "list")
        user.page.get_by_role("link", name="league-prod").click()
        user.page.get_by_role("button", name="Plan", exact=True).click()
        user.page.locator("section.plan").wait_for()
        draw(user, folder, "plan")
        user.page.get_by_role("link", name="Syncs").click()
        draw_review(user)
        draw(user, folder, "review")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
