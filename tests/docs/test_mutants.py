"""What the files of the mutants name is there."""

import tomllib
from pathlib import Path

import pytest

from infra.local.stack import ROOT
from tests.support.mutants.mutations import mutations

HERE = ROOT / "tests/support/mutants"
RULES = tomllib.loads((HERE / "rules.toml").read_text())
EQUIVALENT = (HERE / "equivalent.txt").read_text().splitlines()
LEAST_CHANGES = 40


def changes(file):
    """Return the changes of a module, as the files name them."""
    return [(mutation.scope, str(mutation)) for mutation in mutations(ROOT / file)]


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_kept_by_functions_that_there_are(rule):
    """Every name of a rule is that of functions, and they can be changed in many ways."""
    found = 0
    for file, names in RULES[rule].items():
        scopes = [scope for scope, _ in changes(file)]
        for name in names:
            of_name = sum(scope.startswith(name) for scope in scopes)
            assert of_name, f"{file} {name}"
            found += of_name
    assert found >= LEAST_CHANGES


@pytest.mark.parametrize("line", EQUIVALENT)
def test_each_equivalent_change_can_be_made(line):
    """A change that is said to change nothing can be made, and it is said why it changes nothing."""
    change, _, why = line.partition("  # ")
    file, _, told = change.partition(" ")
    assert told in [text for _, text in changes(Path(file))]
    assert why
