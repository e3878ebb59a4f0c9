"""The documents hold together: size, links, headings, pictures."""

import re

import pytest

from infra.local.stack import ROOT
from tests.docs.documents import DOCUMENTS, prose_only_headings

LONGEST_README_BYTES = 7 * 1024


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


def test_the_picture_is_of_a_run_that_went_well():
    """The picture of `make run` shows a plan and a vault that is right, and loads nothing from elsewhere."""
    picture = (ROOT / "docs/images/run.svg").read_text()
    text = re.sub(r"<[^>]+>", "", picture).replace("&#160;", " ")
    assert "The vault is right" in text
    assert "The plan of the stored sync" in text
    assert "url(" not in picture.replace("url(#", "")
