"""The web console: one HTML document, joined from the ES modules beside this file."""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from functions.reply import Reply

HERE = Path(__file__).parent
FIRST = "main.js"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
_COMMENT = re.compile(r"^ *//.*\n", re.MULTILINE)
"""Comments stand on lines of their own."""
_GAPS = re.compile(
    r"""
    ( "(?:[^"\\\n]|\\.)*" | '[^'\n]*' | `[^`]*`                  # a text stays as it is,
    | (?:(?<=[(=:,])|(?<=[=:,]\ ))/(?:[^/\\\n]|\\.)+/\w* )         # and so does a pattern;
    | \s* ([{}()\[\],;:?=<>&|]) \s*                             # beside these nothing is needed:
    | \n\s*                                                     # no statement lacks its semicolon
    """,
    re.VERBOSE,
)
_CSS_GAPS = re.compile(r"\s*([{}:;,])\s*")


@cache
def page() -> Reply:
    """Return the page, with script and style in it: each file of its own would be a cold start."""
    script = join_modules()
    style = _CSS_GAPS.sub(r"\1", (HERE / "style.css").read_text()).replace(";}", "}")
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'"
    )
    html = (HERE / "page.html").read_text()
    for mark, text in (("policy", policy), ("style", style), ("script", script)):
        html = html.replace(f"{{{{{mark}}}}}", text)
    return Reply(
        html.encode(),
        content_type="text/html; charset=utf-8",
        headers={
            # A <meta> cannot say who may frame the page, and a gateway might drop the header.
            "Content-Security-Policy": f"{policy}; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "Cross-Origin-Opener-Policy": "same-origin",
        },
    )


def join_modules() -> str:
    """Return the modules as one, each after those that it imports."""
    joined: dict[str, str] = {}

    def add(name: str) -> None:
        if name in joined:
            return
        joined[name] = ""  # modules may import each other, as long as only functions use it
        text = (HERE / name).read_text()
        for imported in _IMPORT.findall(text):
            add(imported)
        del joined[name]
        text = re.sub(r"^export ", "", _IMPORT.sub("", text), flags=re.MULTILINE)
        joined[name] = _GAPS.sub(_without_gap, _COMMENT.sub("", text))

    add(FIRST)
    return "".join(joined.values())


def _without_gap(match: re.Match[str]) -> str:
    return match[1] or match[2] or "\n"


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
