"""Each screen while it loads, with nothing to show, with an error, and with too much."""

import pytest

from cli import vaultsync
from tests.console import rows

LIST = "/api/v1/secret-syncs"
ONE = f"/api/v1/secret-syncs/oci-vault/{rows.sync(1)['id']}"
CONNECTIONS = "/api/v1/app-connections/oci"
PROJECTS = "/api/v1/projects"
OPENAPI = "/api/v1/openapi.json"
BUSY = rows.refusal(500, "The store is on holiday.")


@pytest.fixture
def user(open_page, stack):
    """Somebody whose syncs are as the test says."""
    user = open_page(stack)
    user.answers(LIST, {"secretSyncs": [rows.sync(1)], "broken": [], "truncated": False})
    user.answers(ONE, {"secretSync": rows.sync(1), "warnings": []})
    user.answers(f"{ONE}/runs", {"runs": []})
    user.answers(f"{ONE}/plan", {"plan": rows.plan()})
    return user


SCREENS = {
    "/syncs": LIST,
    f"/syncs/{rows.sync(1)['id']}": f"{ONE}/runs",
    f"/syncs/{rows.sync(1)['id']}/plan": f"{ONE}/plan",
    "/syncs/new": OPENAPI,
    "/connections": CONNECTIONS,
}


@pytest.mark.parametrize("place", SCREENS)
def test_a_screen_says_that_it_loads(user, place):
    """While its answers are not there, a screen says that it loads."""
    user.hangs(SCREENS[place])
    user.sign_in(place)
    user.page.get_by_text("Loading …").first.wait_for()
    assert user.faults == []


@pytest.mark.parametrize("place", SCREENS)
def test_a_screen_shows_the_servers_sentence_and_tries_again(user, place):
    """An error stands there in the server's words with the request's id; Try again asks once more."""
    user.answers(SCREENS[place], BUSY, status=500)
    user.sign_in(place)
    alert = user.page.get_by_role("alert")
    assert "The store is on holiday." in alert.inner_text()
    assert "req-0123456789" in alert.inner_text()
    with user.page.expect_request(f"**{SCREENS[place]}*"):
        alert.get_by_role("button", name="Try again").click()
    assert user.faults == []


def test_an_empty_list_invites(user):
    """Without syncs the list says so, explains in three lines, and offers to add one."""
    user.answers(LIST, {"secretSyncs": [], "broken": [], "truncated": False})
    user.sign_in()
    user.page.get_by_text("No syncs in this project yet.").wait_for()
    user.page.locator("main").get_by_role("button", name="Add Sync").last.click()
    user.page.get_by_role("heading", name="Add Sync").wait_for()


def test_a_long_list_is_cut_until_asked_for(user):
    """Of a thousand syncs 200 are drawn, all are counted and searched, and Show all shows them."""
    many = [rows.sync(n, lastRun={"stops": ["x"]} if n == 999 else None) for n in range(1, 1001)]
    many[998] |= {"syncStatus": "failed", "lastRun": {"stops": ["x"], "outcome": "failed"}}
    user.answers(LIST, {"secretSyncs": many, "broken": [], "truncated": True})
    user.sign_in()
    page = user.page
    page.get_by_text("200 of 1,000 syncs are shown").wait_for()
    assert page.locator("tbody tr").count() == 200
    assert "There are more syncs" in page.locator("main").inner_text()
    page.get_by_role("button", name="Held by a guard 1").click()
    assert page.locator("tbody tr").count() == 1
    page.get_by_role("button", name="All 1000").click()
    page.keyboard.press("Escape")
    page.locator("h1").focus()
    page.keyboard.press("/")
    page.keyboard.type("sync-0777")
    assert page.locator("tbody tr").all_inner_texts()[0].count("sync-0777") == 1
    page.keyboard.type("none")
    page.get_by_text("Nothing matches").wait_for()
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Show all").click()
    assert page.locator("tbody tr").count() == 1000
    assert user.faults == []


def test_statuses_have_one_word_each_and_the_worst_first(user):
    """Every status has its word, and the list begins with what needs somebody."""
    held = {"stops": ["more than half"], "outcome": "failed"}
    failed = {"stops": [], "outcome": "failed"}
    syncs = [
        rows.sync(1),
        rows.sync(2, isAutoSyncEnabled=False),
        rows.sync(3, syncStatus=None, lastSyncedAt=None),
        rows.sync(4, isHeldAfterRemoval=True),
        rows.sync(5, removeStatus="running"),
        rows.sync(6, syncStatus="pending"),
        rows.sync(7, syncStatus="running"),
        rows.sync(8, syncStatus="pending", retryAt="2026-11-26T12:00:30.000Z"),
        rows.sync(9, syncStatus="failed", lastRun=held),
        rows.sync(10, syncStatus="failed", lastRun=failed),
    ]
    broken = {"id": "b", "objectName": f"secret-syncs/{rows.PROJECT}/x.json", "message": "no name"}
    user.answers(LIST, {"secretSyncs": syncs, "broken": [broken], "truncated": False})
    user.hangs(f"{LIST}/oci-vault/")
    user.sign_in()
    user.page.locator("tbody tr").first.wait_for()
    assert [text[2:] for text in user.page.locator("tbody .badge").all_inner_texts()] == [
        "Broken",
        "Failed",
        "Held by a guard",
        "Waiting",
        "Running",
        "Queued",
        "Removing",
        "Secrets removed",
        "Never synced",
        "Paused",
        "Synced",
    ]
    user.page.get_by_role("button", name="Name").click()
    assert user.page.locator("th[aria-sort=ascending]").inner_text().startswith("Name")


def test_history_folds_quiet_verifications(user):
    """Verifications that found nothing stand in one line; names, drift and reasons open with a row."""
    changed = {"create": ["A"], "delete": ["B"], "update": [], "restore": []}
    loud = rows.run(
        9,
        kind="sync",
        cause="api",
        by="anna",
        outcome="failed",
        message="2 failed, the others are done. K: absent; L: absent",
        counts={"create": 1, "delete": 1},
        changed=changed,
        drift=["D"],
        errors={"K": "absent", "L": "absent"},
    )
    runs = [rows.run(12), rows.run(11), rows.run(10), loud, rows.run(8)]
    user.answers(f"{ONE}/runs", {"runs": runs})
    user.sign_in(f"/syncs/{rows.sync(1)['id']}")
    page = user.page
    page.get_by_text("3 × nothing to do, 10:00–12:00 UTC").wait_for()
    page.get_by_role("button", name="Details of the run of 09:00").click()
    text = page.locator("table.cards").inner_text()
    parts = ("created: A", "deleted: B", "put right: D", "2 keys: absent (K, L)", "by anna")
    assert [part for part in parts if part not in text] == []
    page.get_by_label("only changes and failures").check()
    assert "nothing to do" not in page.locator("table.cards").inner_text()
    page.reload()
    page.get_by_label("only changes and failures").wait_for()
    assert page.get_by_label("only changes and failures").is_checked()


def test_no_history_and_no_changes(user):
    """A sync that never ran says so, and so does a plan of nothing."""
    user.sign_in(f"/syncs/{rows.sync(1)['id']}")
    user.page.get_by_text("It has not run yet.").wait_for()
    user.page.get_by_role("button", name="Plan", exact=True).first.click()
    user.page.get_by_text("The vault is as the source wants it.").wait_for()


def test_a_long_plan_is_folded(user):
    """More than 200 names of one action are folded with their count and a filter."""
    changes = [("create", f"KEY_{number:03}") for number in range(500)] + [("delete", "OLD")]
    user.answers(f"{ONE}/plan", {"plan": rows.plan(*changes)})
    user.sign_in(f"/syncs/{rows.sync(1)['id']}/plan")
    page = user.page
    page.get_by_text("New secrets 500").click()
    names = page.locator(".plan details li")
    assert names.count() == 200
    page.get_by_label("Filter create by name").fill("KEY_499")
    assert names.all_inner_texts() == ["+ create KEY_499"]
    assert user.faults == []


def test_a_plan_is_copied_as_the_client_shows_it(user):
    """Copy as text gives what the client of the command line shows for the same plan."""
    changes = [("create", "B"), ("delete", "Z"), ("create", "A"), ("tag", "T"), ("update", "U")]
    plan = rows.plan(
        *changes,
        stops=["more than half"],
        warnings=["a note"],
        blocked=["X is CREATING"],
        errors={"BAD": "too long"},
    )
    plan["changes"][1] |= {"owner": "nobody", "held": "wider scope"}
    plan["changes"][4] |= {"keys": {"added": ["N1", "N2"], "changed": ["C"], "removed": ["R"]}}
    user.answers(f"{ONE}/plan", {"plan": plan})
    user.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    user.sign_in(f"/syncs/{rows.sync(1)['id']}/plan")
    for shown in (plan, rows.plan()):
        user.answers(f"{ONE}/plan", {"plan": shown})
        user.page.get_by_role("button", name="Plan again").click()
        user.page.get_by_role("button", name="Copy plan as text").click()
        user.page.get_by_text("Copied: plan as text.").wait_for()
        copied = user.page.evaluate("navigator.clipboard.readText()")
        keys = user.page.locator(".change .key").all_inner_texts()
        assert keys == (
            ["- removed R", "~ changed C", "+ added N1", "+ added N2"] if shown is plan else []
        )
        assert copied.split("\n") == list(vaultsync.plans_text([("sync-0001", {"plan": shown})]))
        user.page.reload()
        user.page.locator("section.plan").wait_for()


def test_no_connections(user):
    """Without connections the page says so."""
    user.answers(CONNECTIONS, {"appConnections": []})
    user.sign_in("/connections")
    user.page.get_by_text("No connections yet.").wait_for()


def test_many_connections(user):
    """A hundred connections are all there, each with the syncs that use it."""
    shown = [rows.connection(number) for number in range(100)]
    user.answers(CONNECTIONS, {"appConnections": shown})
    user.answers(LIST, {"secretSyncs": [rows.sync(1, connectionId=shown[99]["id"])], "broken": []})
    user.sign_in("/connections")
    user.page.locator("tbody tr", has_text="connection-99").get_by_text("sync-0001").wait_for()
    assert user.page.locator("tbody tr").count() == 100


@pytest.mark.parametrize("number", [0, 100])
def test_choices_of_the_wizard(user, number):
    """A choice of nothing says so and takes an OCID; one of many has a filter."""
    one = rows.connection(1)
    found = [{"id": f"ocid1.compartment.oc1..{n}", "name": f"team-{n}"} for n in range(number)]
    user.answers(f"{CONNECTIONS}/available", {"appConnections": [one]})
    user.answers(f"{CONNECTIONS}/{one['id']}/compartments", found)
    user.answers(f"{CONNECTIONS}/{one['id']}/vaults", [])
    user.answers(f"{CONNECTIONS}/{one['id']}/vault-keys", [])
    user.answers(ONE, {"secretSync": rows.sync(1, connectionId=one["id"]), "warnings": []})
    user.sign_in(f"/syncs/{rows.sync(1)['id']}/edit/destination")
    choice = user.page.locator("#field-destinationConfig-compartmentOcid")
    if number:
        choice.locator("option", has_text="team-7").first.wait_for(state="attached")
        user.page.get_by_label("Filter: Compartment").fill("TEAM-77")
        assert choice.locator("option").all_inner_texts()[-1] == "team-77"
        assert choice.locator("option").count() == 3  # and none, and the one of now
    else:
        choice.locator("option", has_text="There is none").wait_for(state="attached")
        user.page.get_by_role("button", name="Type an OCID instead").first.click()
        assert choice.evaluate("one => one.tagName") == "INPUT"
    assert user.faults == []


def test_a_source_that_lists_nothing_is_typed(user):
    """Where the source lists no projects and no folders, both are typed."""
    user.answers(PROJECTS, {"projects": []})
    user.answers(f"{PROJECTS}/p1/folders", rows.refusal(501, "type it"), status=501)
    user.sign_in("/syncs/new")
    user.page.get_by_label("Project").fill("p1")
    user.page.get_by_label("Environment").fill("prod")
    user.page.get_by_label("Secret Path").fill("/x")
    user.page.keyboard.press("Tab")
    user.page.get_by_text("This source does not list its folders").wait_for()
    assert user.faults == []
