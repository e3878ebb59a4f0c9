"""docs/architecture.md and CONTRIBUTING.md describe the code that is here."""

import re
import tomllib

import pytest

from infra.local.stack import ROOT
from tests.docs.documents import DOCUMENTS, section

ARCHITECTURE = DOCUMENTS["docs/architecture.md"]
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
MOST_WORDS = 15


def rows(heading):
    """Return the first cells of the tables of a section of the architecture."""
    cells = re.findall(r"(?m)^\| (.+?) \|", section(ARCHITECTURE, heading))
    return [cell for cell in cells if cell not in ("package", "contract", "word")]


def test_every_layer_has_its_paragraph():
    """The layers stand in the order of the import contract, and every package of the function is there."""
    [layers] = [row["layers"] for row in LINTER["contracts"] if row["type"] == "layers"]
    expected = [name for layer in layers for name in layer.split(" | ")]
    named = [name for cell in rows("Layers") for name in re.findall(r"`(functions/\w+)", cell)]
    described = [name.replace("/", ".") for name in named]
    assert [name for name in described if name in expected] == expected
    packages = {f"functions.{folder.parent.name}" for folder in (ROOT / "functions").glob("*/*.py")}
    assert packages <= set(described)


def test_every_contract_has_its_reason():
    """Each import contract is in the document, and no other."""
    assert rows("Contracts") == [row["name"] for row in LINTER["contracts"]]


def test_the_glossary_is_short():
    """A reader has to learn few words."""
    words = rows("Glossary")
    assert len(set(words)) == len(words) <= MOST_WORDS


def test_a_run_is_told_in_ten_lines():
    """The run is told in ten numbered lines."""
    lines = re.findall(r"(?m)^(\d+)\. ", section(ARCHITECTURE, "One run in ten lines"))
    assert lines == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_exists(name):
    """Each file or folder of the repository that a document names is there."""
    named = re.findall(
        r"`((?:functions|infra|tests|docs|benchmarks|\.ci)/[\w./-]*)`", DOCUMENTS[name]
    )
    assert [path for path in named if not (ROOT / path).exists()] == []
