"""One Chromium for all tests of the console, a context for each; and the stack that serves the page."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import sync_playwright

from functions.calls.clock import SystemClock
from functions.plan.sync_config import PREFIX as CONFIGS
from infra.local import demo
from infra.local.stack import Stack
from tests.console.user import User

HOW_TO_GET_CHROMIUM = "There is no Chromium: sudo apt-get install --no-install-recommends chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Return the program of this machine's Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def browser():
    """Chromium. Where it is missing the tests are skipped, but in CI they fail."""
    program = find_chromium()
    if not program:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(HOW_TO_GET_CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def running_stack(**options) -> Iterator[Stack]:
    """Start the local stack without ticks."""
    with Stack(
        SystemClock(), demo.make_source(), log=lambda _: None, tick_seconds=None, **options
    ) as stack:
        yield stack


@pytest.fixture(scope="module")
def stack():
    """The demo: a folder, a vault with what gathers over time, and the sync payments-prod, done once."""
    with running_stack() as stack:
        demo.fill_vault(stack.cloud.vault)
        stack.bucket.put(f"{CONFIGS}{demo.SYNC_FILE}", demo.sync_config())
        stack.command("sync", sync=demo.SYNC_NAME)
        yield stack


@pytest.fixture
def open_page(browser):
    """Return what opens the page of a stack in a context of its own."""
    users = []

    def open_page(stack, **options):
        users.append(User(browser, stack, **options))
        return users[-1]

    yield open_page
    for user in users:
        user.close()


@pytest.fixture
def user(open_page, stack):
    """Somebody who has opened the console of the demo and signed in."""
    user = open_page(stack)
    user.sign_in()
    return user
