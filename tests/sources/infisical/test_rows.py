"""What a list answer is read as."""

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
