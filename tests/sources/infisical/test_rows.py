"""What a list answer is read as."""

import pytest

from functions.sources.infisical.rows import parse


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
