"""The documents hold together: size, links, headings, pictures."""

import html
import os
import re
import subprocess
import sys

import pytest

from infra.local.stack import ROOT
from tests.docs.documents import DOCUMENTS, prose_only_headings

LONGEST_README_BYTES = 7 * 1024
LONGEST_RUN_SECONDS = 120


def anchors(document):
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)", prose_only_headings(document))
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_readme_is_short():
    """README.md is a page, not a manual."""
    assert len(DOCUMENTS["README.md"].encode()) <= LONGEST_README_BYTES


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name):
    """Each link of a document leads to a file of the repository, and to a heading of it where it says so."""
    for target in re.findall(r"\]\(([^)\s]+)\)", DOCUMENTS[name]):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text()), target


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name.startswith("docs/")])
def test_every_document_is_found_from_the_readme(name):
    """README.md links to each document, or to the folder that it is in."""
    folder = name.rpartition("/")[0] + "/"
    assert f"({name})" in DOCUMENTS["README.md"] or f"({folder})" in DOCUMENTS["README.md"]


def shown(picture):
    """Return the plan and the verdict that a picture of `make run` shows."""
    text = html.unescape("\n".join(re.findall(r">([^<>]+)</text>", picture))).replace("\xa0", " ")
    return re.search(r"The plan.+(?=Somebody)", text, re.DOTALL)[0], "The vault is right" in text


def test_any_curl_will_do():
    """The documents use no option that curl 7.61 lacks, which OCI Cloud Shell may have."""
    blocks = re.findall(r"```(?:ba)?sh\n(.+?)```", "\n".join(DOCUMENTS.values()), re.DOTALL)
    assert not [block for block in blocks if re.search(r"--json \S|--fail-with-body", block)]


def test_the_picture_is_what_a_run_shows(tmp_path):
    """README.md's picture has the plan that `make run` shows, and loads nothing from elsewhere."""
    drawn = tmp_path / "run.svg"
    words = [sys.executable, "-m", "infra.local", "--once", "--picture", str(drawn)]
    subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80"},
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=LONGEST_RUN_SECONDS,
    )
    picture = (ROOT / "docs/images/run.svg").read_text()
    assert shown(picture) == shown(drawn.read_text())
    assert shown(picture)[1]
    assert "url(" not in picture.replace("url(#", "")
