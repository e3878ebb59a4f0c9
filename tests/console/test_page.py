"""The document: its bytes, its headers, where it is served, and that it needs nobody else."""

import re
import subprocess
import sys
from collections import Counter

import pytest
import urllib3

from functions.console import HERE, join_modules, page
from infra.local.gateway import Gateway
from tests.console.conftest import running_stack

MAX_PAGE_BYTES = 90 * 1024
MAX_MODULE_LINES = 250
MAX_VIEW_LINES = 150
MODULES = sorted(HERE.glob("*.js"))
_DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)
_IMPORTED = re.compile(r'^import \{([^}]*)\} from "\./(\w+\.js)";$', re.MULTILINE)


def fetch(url, path="/console", method="GET"):
    """Ask a gateway."""
    return urllib3.request(method, url + path, retries=False)


def test_the_page_is_small():
    """The page has at most 90 KB in all, its modules are short, and view.js fits on two screens."""
    size = len(page().content)
    assert size <= MAX_PAGE_BYTES
    lines = {module.name: len(module.read_text().splitlines()) for module in MODULES}
    assert max(lines.values()) < MAX_MODULE_LINES
    assert lines["view.js"] <= MAX_VIEW_LINES


def test_joining_changes_no_meaning():
    """Names at the top of modules are unique, what is imported is exported there, and used."""
    texts = {module.name: module.read_text() for module in MODULES}
    names = Counter(name for text in texts.values() for name in _DECLARED.findall(text))
    assert [name for name, times in names.items() if times > 1] == []
    for text in texts.values():
        body = _IMPORTED.sub("", text)
        for listed, module in _IMPORTED.findall(text):
            for name in re.findall(r"\w+", listed):
                assert re.search(rf"^export .*\b{name}\b", texts[module], re.MULTILINE), name
                assert re.search(rf"\b{name}\b", body), name
    joined = join_modules()
    assert all(f"{name}" in joined for name in names)
    assert not re.search(r"^(import|export) ", joined, re.MULTILINE)


def test_joining_changes_no_text():
    """Each text and each pattern of the modules is in the page as it was written; no text is in another."""
    joined = join_modules()
    for module in MODULES:
        code = re.sub(r"(?m)^ *//.*$", "", module.read_text())
        assert not re.search(r"\$\{[^}]*`", code), module.name
        texts = re.findall(r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'|`[^`]*`""", _IMPORTED.sub("", code))
        patterns = re.findall(
            r"/(?:[^/\\\s]|\\.)(?:[^/\\\n]|\\.)*/\w*[,).;]",
            re.sub(r""""[^"\n]*"|'[^'\n]*'|`[^`]*`""", "", code),
        )
        assert [one for one in texts + patterns if one not in joined] == [], module.name


def test_no_text_becomes_markup():
    """No module parses text as HTML, evaluates text, or keeps anything beyond the tab."""
    forbidden = r"innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|\beval\(|new Function|localStorage|\.cookie|javascript:"
    for module in MODULES:
        assert not re.search(forbidden, module.read_text()), module.name


def test_nothing_but_the_page_runs(stack):
    """The policy names the page's own script and style by hash, in the header and in the page."""
    reply = fetch(stack.gateway.url)
    policy = reply.headers["content-security-policy"]
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert policy.endswith("frame-ancestors 'none'")
    assert "default-src 'none'; script-src 'sha256-" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert (
        f'content="{policy.removesuffix("; frame-ancestors " + chr(39) + "none" + chr(39))}"'
        in (reply.data.decode())
    )
    others = ("x-content-type-options", "referrer-policy", "cache-control")
    assert [reply.headers[name] for name in others] == ["nosniff", "no-referrer", "no-store"]
    assert reply.headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/console", "/console/", "/console?x=1"])
def test_the_page_is_at_console(stack, path):
    """GET …/console answers with the page, with a slash at its end or a query, too."""
    assert fetch(stack.gateway.url, path).data == page().content


def test_other_calls_are_not_the_page(stack):
    """A POST to the page's path, and a route of the API that ends in its name, are not the page."""
    assert fetch(stack.gateway.url, method="POST").status == 404
    path = "/api/v1/secret-syncs/oci-vault/sync-name/console?projectId=p"
    assert fetch(stack.gateway.url, path).status == 401


def test_the_page_can_be_switched_off():
    """Any value of CONSOLE but `on` makes the path a 404."""
    with running_stack(env={"CONSOLE": "off"}) as stack:
        reply = fetch(stack.gateway.url)
        assert (reply.status, "CONSOLE" in reply.json()["message"]) == (404, True)


def test_the_page_comes_without_settings(open_page):
    """Where settings are wrong the page is served all the same, and shows what the API says of them."""
    with running_stack(env={"SOURCE_URL": "geheim"}) as stack:
        user = open_page(stack)
        user.open()
        user.page.get_by_label("API token").fill("any")
        user.page.keyboard.press("Enter")
        assert "SOURCE_URL" in user.page.get_by_role("alert").inner_text()
        assert user.faults == []


@pytest.mark.parametrize("prefix", ["", "/vault-sync", "/a/b", "/console/x"])
def test_the_page_works_below_any_prefix(open_page, stack, prefix):
    """The page finds the API beside it, whatever stands in front of its path, even its own name."""
    with Gateway(stack.host.call, prefix) as gateway:
        for end in ("", "/"):
            user = open_page(stack)
            user.url = f"{gateway.url}/console{end}"
            user.sign_in()
            user.page.get_by_role("link", name="payments-prod").wait_for()
            assert user.faults == []


def test_webhooks_do_not_pay_for_the_page():
    """A container that serves no page loads nothing of it."""
    seen = "import functions.func, sys; print('functions.console' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "False"
