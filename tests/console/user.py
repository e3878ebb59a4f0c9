"""Somebody in front of the console; whatever the browser complains of fails the test."""

import json
import re

from playwright.sync_api import Browser, Page, Request, Route

from infra.local.stack import Stack

PATIENCE_MILLISECONDS = 30_000


def _route(path: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(path)}(\?.*)?$")


class User:
    """A browser context with the console open. `said` is what the browser's console was told."""

    def __init__(
        self,
        browser: Browser,
        stack: Stack,
        *,
        width: int = 1400,
        scheme: str = "light",
        path: str = "/console",
        token: str | None = None,
    ) -> None:
        self.token = token or stack.api_token
        self.url = stack.gateway.url + path
        self.said: list[str] = []
        self.requests: list[Request] = []
        self._context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        self._context.set_default_timeout(PATIENCE_MILLISECONDS)
        self.page: Page = self._context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108 - it marks what it gets

    def open(self, place: str = "") -> None:
        """Open the console, or one of its screens: `/syncs/new`."""
        self.page.goto(f"{self.url}#{place}" if place else self.url)

    def sign_in(self, place: str = "") -> None:
        """Open the console and give the token."""
        self.open(place)
        self.give_token()

    def give_token(self) -> None:
        """Type the token, and wait until the form is gone."""
        self.page.get_by_label("API token").fill(self.token)
        self.page.keyboard.press("Enter")
        self.page.get_by_label("API token").wait_for(state="detached")

    def answers(self, path: str, body: object, status: int = 200) -> None:
        """Let a route of the API answer so from now on; the query does not count."""
        text = json.dumps(body)

        def answer(route: Route) -> None:
            route.fulfill(status=status, body=text, content_type="application/json")

        self.page.route(_route(path), answer)

    def hangs(self, path: str) -> None:
        """Let a route of the API answer nothing."""
        self.page.route(_route(path), lambda _: None)

    def sent(self, method: str) -> list[Request]:
        """Return the requests of a method."""
        return [request for request in self.requests if request.method == method]

    @property
    def faults(self) -> list[str]:
        """What the browser complained of, but for refusals that the page shows to the user."""
        return [text for text in self.said if "Failed to load resource" not in text]

    def close(self) -> None:
        """Close the context."""
        self._context.close()
