"""What a list answer is read as."""

import pytest

from functions.errors import SourceMasked, Temporary
from functions.sources.infisical.rows import parse, refuse_masked


def row(key, **fields):
    """A row as the list shows it."""
    return {"secretKey": key, "secretValue": "1", "secretPath": "/a", "environment": "dev"} | fields


def test_a_recursive_list_is_read_for_its_environment_only():
    """Rows of another environment are left out of a recursive list."""
    rows = [row("A"), row("B", secretPath="/a/b"), row("C", environment="prod")]
    listing = parse({"secrets": rows}, "project", ("dev", "/a"), recursive=True)
    assert [found.key for found in listing.own] == ["A", "B"]


def test_a_plain_list_may_say_nothing_of_its_place():
    """Rows that do not say where they are, or with a slash at the end, are those that were asked for."""
    bare = {"secretKey": "A", "secretValue": "1"}
    listing = parse(
        {"secrets": [bare, row("B", secretPath="/a/")]}, "project", ("dev", "/a"), recursive=False
    )
    assert [found.key for found in listing.own] == ["A", "B"]


@pytest.mark.parametrize(
    ("block", "workspace", "environment"),
    [
        ({}, "project", "prod"),
        ({}, "", "prod"),  # as servers answer
        ({}, None, "prod"),
        ({}, "other", "@other.prod"),
        ({"projectId": "other"}, "", "@other.prod"),
        ({"projectId": "project"}, "", "prod"),
    ],
)
def test_whose_project_an_import_is_of(block, workspace, environment):
    """A block that names another project, or whose rows do, is marked as of that project."""
    block = {"environment": "prod", "secretPath": "/x"} | block
    for rows, expected in (
        ([row("A", workspace=workspace)], environment),
        ([], "@other.prod" if "other" in block.values() else "prod"),
    ):
        body = {"secrets": [], "imports": [block | {"secrets": rows}]}
        listing = parse(body, "project", ("dev", "/a"), recursive=False)
        assert [place for place, _ in listing.imports] == [(expected, "/x")]


@pytest.mark.parametrize(
    "fields",
    [
        {"secretValue": "<hidden-by-infisical>"},
        {"secretValue": None},
        {"secretValueHidden": True},
    ],
)
def test_a_hidden_value_is_none(fields):
    """What the source puts in the place of a value that it hides is never taken for it."""
    body = {"secrets": [row("A", **fields), row("B")]}
    hidden, shown = parse(body, "project", ("dev", "/a"), recursive=False).own
    assert (hidden.is_hidden, hidden.value.get_secret_value()) == (True, "")
    assert (shown.is_hidden, shown.value.get_secret_value()) == (False, "1")


def test_whose_rows_a_list_holds():
    """Personal rows are none of the folder's; in a recursive list each row has the place that it names."""
    rows = [row("A", type="personal"), row("B", type="shared"), row("C", secretPath="/a/b")]
    listing = parse({"secrets": rows}, "project", ("dev", "/a"), recursive=True)
    assert [(one.key, one.place) for one in listing.own] == [
        ("B", ("dev", "/a")),
        ("C", ("dev", "/a/b")),
    ]


@pytest.mark.parametrize("body", [{}, {"secrets": {}}, {"secrets": [{}]}, {"secrets": ["A"]}])
def test_what_is_no_list(body):
    """An answer that is no list of secrets is tried again, and is no empty folder."""
    with pytest.raises(Temporary, match="not in a form that is known"):
        parse(body, "project", ("dev", "/a"), recursive=False)


@pytest.mark.parametrize("hidden", [(True, True), (True, False), (False, False), ()])
def test_all_values_hidden(hidden):
    """Only where there are secrets and all of them are hidden nothing is known of a folder."""
    body = {"secrets": [row(f"K{n}", secretValueHidden=is_so) for n, is_so in enumerate(hidden)]}
    listing = parse(body, "project", ("dev", "/a"), recursive=False)
    assert bool(listing) == bool(hidden)
    if hidden == (True, True):
        with pytest.raises(SourceMasked, match="hides the value of K0 in dev:/a"):
            refuse_masked(listing)
    else:
        refuse_masked(listing)
