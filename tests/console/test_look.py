"""How the console looks: accessible in both colour schemes, and usable from 320 pixels on."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe

from infra.local.stack import ROOT
from tests.console import rows

ARTEFACTS = ROOT / ".local" / "console"
SYNCS = "/api/v1/secret-syncs"
ONE = f"{SYNCS}/oci-vault/{rows.sync(1)['id']}"
WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}
WIDTHS = (320, 768, 1400)
LEAST_TARGET_PIXELS = 24


def show_login(user):
    """Show the token form, with a token that is not known."""
    user.open()
    user.page.get_by_label("API token").fill("wrong")
    user.page.keyboard.press("Enter")
    user.page.get_by_role("alert").wait_for()


def show_list(user):
    """Show a list with every kind of row, and an open menu."""
    syncs = [
        rows.sync(
            1, description="Payments of all countries", lastSyncMessage="K: no value; L: no value"
        ),
        rows.sync(2, syncStatus="failed", lastRun={"stops": ["x"], "outcome": "failed"}),
        rows.sync(
            3, isAutoSyncEnabled=False, syncOptions={"initialSyncBehavior": "overwrite-destination"}
        ),
        rows.sync(4, syncStatus=None, lastSyncedAt=None, projectId="p2"),
    ]
    broken = {"id": "b", "objectName": "secret-syncs/p1/x.json", "message": "name: Field required"}
    user.answers(SYNCS, {"secretSyncs": syncs, "broken": [broken], "truncated": True})
    user.sign_in()
    user.page.get_by_role("button", name="Actions for sync-0001").click()


def show_details(user):
    """Show a sync with history, drift and warnings, one run opened."""
    user.answers(ONE, {"secretSync": rows.sync(1, lastSyncMessage="fine"), "warnings": []})
    runs = [rows.run(9, drift=["D"], counts={"create": 1, "delete": 2}, by="anna"), rows.run(8)]
    user.answers(f"{ONE}/runs", {"runs": runs})
    user.sign_in(f"/syncs/{rows.sync(1)['id']}")
    user.page.get_by_role("button", name="Details of the run of 09:00").click()


def show_plan(user):
    """Show a plan that a guard stops, with the dialog that forces it."""
    changes = [("delete", f"KEY_{number}") for number in range(12)] + [("create", "NEW")]
    plan = rows.plan(
        *changes, stops=["12 of 24 secrets in scope would be deleted."], warnings=["w"]
    )
    user.answers(ONE, {"secretSync": rows.sync(1), "warnings": []})
    user.answers(f"{ONE}/plan", {"plan": plan})
    user.sign_in(f"/syncs/{rows.sync(1)['id']}/plan")
    user.page.get_by_role("button", name="Force").click()


def show_source(user):
    """Show the wizard's first step with a fault."""
    user.sign_in("/syncs/new")
    user.page.get_by_label("Secret Path").fill("x")
    user.page.keyboard.press("Enter")
    user.page.get_by_role("alert").wait_for()


def show_options(user):
    """Show the wizard's options, all of them."""
    user.answers(ONE, {"secretSync": rows.sync(1), "warnings": []})
    user.sign_in(f"/syncs/{rows.sync(1)['id']}/edit/options")
    user.page.get_by_text("Advanced").click()


def show_connections(user):
    """Show the connections, with the form of a new one."""
    user.sign_in("/connections")
    user.page.get_by_role("button", name="New connection …").click()
    user.page.get_by_role("dialog").wait_for()


SCREENS = {
    "login": show_login,
    "list": show_list,
    "details": show_details,
    "plan": show_plan,
    "source": show_source,
    "options": show_options,
    "connections": show_connections,
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_accessible_and_fits(open_page, stack, name, scheme):
    """No violation of WCAG 2.2 AA in either scheme; nothing is wider than a window of 320, 768 or 1400 pixels."""
    user = open_page(stack, scheme=scheme)
    SCREENS[name](user)
    found = Axe().run(user.page, options=WCAG).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        user.page.set_viewport_size({"width": width, "height": 900})
        user.page.screenshot(path=ARTEFACTS / f"{name}-{scheme}-{width}.png", full_page=True)
        assert user.page.evaluate("document.documentElement.scrollWidth") <= width
    assert user.faults == []


def test_targets_are_large_enough(open_page, stack):
    """Whatever can be pressed is at least 24 pixels high and wide, but for links in a text."""
    user = open_page(stack)
    show_list(user)
    sizes = user.page.locator("button, input, select").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(({width, height}) => [width, height])"
    )
    assert [size for size in sizes if min(size) and min(size) < LEAST_TARGET_PIXELS] == []


def test_forced_colours_leave_the_buttons_their_borders(user):
    """With forced colours a button is still seen as one."""
    user.page.emulate_media(forced_colors="active")
    width = "one => getComputedStyle(one).borderTopWidth"
    assert user.page.get_by_role("button", name="Add Sync").evaluate(width) == "1px"


def test_the_focus_comes_back(user):
    """A dialog keeps the focus inside; Esc gives it back to the button that opened it."""
    page = user.page
    page.get_by_role("link", name="Connections").click()
    page.get_by_role("button", name="New connection …").click()
    page.get_by_role("dialog").wait_for()
    for _ in range(20):
        page.keyboard.press("Tab")
        inside = "document.querySelector('dialog').contains(document.activeElement)"
        assert page.evaluate(f"{inside} || document.activeElement === document.body")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert json.loads(page.evaluate("JSON.stringify(document.activeElement.textContent)")) == (
        "New connection …"
    )
