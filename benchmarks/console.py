"""The web console in Chromium: how soon a list of 1,000 syncs is usable, and how fast it is filtered."""

from collections.abc import Iterator

from playwright.sync_api import sync_playwright
from rich.table import Table

from functions.console import page
from tests.console import rows
from tests.console.conftest import (
    FLAGS,
    HOW_TO_GET_CHROMIUM,
    find_chromium,
    running_stack,
)
from tests.console.user import User

SYNCS = 1000
TRIES = 5
LIST = "/api/v1/secret-syncs"
TYPED = ("s", "sy", "sync-0", "sync-07", "9", "sync-0777", "")
# From the answer until the rows are painted: what stands before it is the function's.
USABLE = """() => {
  const answer = performance.getEntriesByType("resource").find(({ name }) => name.endsWith("secret-syncs"));
  return performance.now() - answer.responseEnd;
}"""
FILTERED = """async (typed) => {
  const filter = document.getElementById("filter");
  const begin = performance.now();
  filter.value = typed;
  filter.dispatchEvent(new Event("input"));
  await null;
  return performance.now() - begin;
}"""


def tables() -> Iterator[Table]:
    """Measure the page."""
    program = find_chromium()
    if not program:
        raise SystemExit(HOW_TO_GET_CHROMIUM)
    table = Table("the web console", "figure", "aim")
    table.add_row("page", f"{len(page().content):,} bytes", "≤ 92,160")
    with running_stack() as stack, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        user = User(browser, stack)
        many = [rows.sync(number) for number in range(SYNCS)]
        user.answers(LIST, {"secretSyncs": many, "broken": [], "truncated": False})
        user.sign_in()
        user.page.locator("tbody tr").first.wait_for()
        usable = user.page.evaluate(USABLE)
        rounds = [[user.page.evaluate(FILTERED, typed) for typed in TYPED] for _ in range(TRIES)]
        filtered = [min(times) for times in zip(*rounds, strict=True)]
        browser.close()
    table.add_row(f"{SYNCS} syncs, usable after the answer", f"{usable:.0f} ms", "< 1,000 ms")
    table.add_row(f"{SYNCS} syncs, filtered", f"{max(filtered):.0f} ms at most", "< 50 ms")
    yield table
