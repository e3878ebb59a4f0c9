"""What a request says of a sync."""

import pytest

from functions.plan.requested import editable, merged, unknown_fields, unknown_options

OPTIONS = {"initialSyncBehavior": "overwrite-destination"}


def test_what_a_request_may_say_of_a_sync():
    """A request says all of a sync but its project and its removal; what else it says is left out."""
    said = {"name": "n", "syncOptions": OPTIONS, "environment": "dev"}
    more = {"projectId": "p", "isBeingRemoved": True, "App": 1}
    assert editable(said | more) == said


def test_older_names_are_known_in_a_request_and_in_its_sections():
    """Older names of a request's fields and of its options count as today's; other values stay as they are."""
    body = {"isEnabled": False, "syncOptions": {"recursive": True}, "description": "recursive"}
    assert editable(body) == {
        "isAutoSyncEnabled": False,
        "syncOptions": {"includeAllSubFolders": True},
        "description": "recursive",
    }


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        ({"a": 1, "b": 2}, {"b": 3}, {"a": 1, "b": 3}),
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"b": None}, {"a": 1}),
        ({"a": 1}, {"b": None}, {"a": 1}),
        ({"s": {"a": 1, "b": 2}}, {"s": {"b": 3}}, {"s": {"a": 1, "b": 3}}),
        ({"s": {"a": 1, "b": 2}}, {"s": {"b": None}}, {"s": {"a": 1}}),
        ({"s": None}, {"s": {"a": 1}}, {"s": {"a": 1}}),
        ({"s": {"a": 1}}, {"s": 5}, {"s": 5}),
        ({"t": {"freeformTags": {"a": "1"}}}, {"t": {"freeformTags": {"b": "2"}}}, None),
        ({"t": {"definedTags": {"N.a": "1"}}}, {"t": {"definedTags": {"N.b": "2"}}}, None),
    ],
)
def test_a_change_is_merged(before, changes, after):
    """What is absent stays, null sets the default, a section is merged, and a map of tags is set as a whole."""
    asked = (before, changes)
    copies = [dict(one) for one in asked]
    assert merged(before, changes) == (changes if after is None else after)
    assert list(asked) == copies, "nothing is changed in place"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("keySchem", '"keySchem" (did you mean "keySchema"?)'),
        ("KEYSCHEMA", '"KEYSCHEMA" (did you mean "keySchema"?)'),
        ("deletionDay", '"deletionDay" (did you mean "deletionDays"?)'),
        ("colour", '"colour"'),
        ("keySc", '"keySc"'),  # too far away
        ("x" * 70, f'"{"x" * 64}"'),
    ],
)
def test_an_unknown_option_is_named_with_the_nearest_one(name, said):
    """An option that there is not is named, cut to 64 characters, with the nearest that there is if one is near."""
    found = unknown_options({"syncOptions": OPTIONS | {name: 1}})
    assert found == [(("syncOptions",), f"Unrecognized key {said}")]


def test_options_of_options_are_looked_at():
    """An unknown field is found in either section and below, with its place; known ones and tags' names are fine."""
    guard = {"maxPercent": 5, "minCounts": 1}
    options = OPTIONS | {
        "deletionGuard": guard,
        "filter": None,
        "tags": {"freeformTags": {"a": ""}},
    }
    given = {"syncOptions": options, "destinationConfig": {"vaultOcid": "v", "region": "r"}}
    assert unknown_options(given) == [
        (
            ("syncOptions", "deletionGuard"),
            'Unrecognized key "minCounts" (did you mean "minCount"?)',
        ),
        (("destinationConfig",), 'Unrecognized key "region"'),
    ]


@pytest.mark.parametrize("given", [{}, {"syncOptions": None}, {"syncOptions": "text"}])
def test_what_is_no_section_has_no_unknown_options(given):
    """Where a section is missing or no object there is nothing to be named: its model refuses it."""
    assert unknown_options(given) == []


def test_fields_that_mean_nothing_are_named():
    """What a request says beside is named, unless clients are known to send it."""
    body = {"name": "n", "isEnabled": True, "App": 1, "secretPaths": "/", "zzz": 0}
    assert unknown_fields(body, ignored=("App",)) == [
        'These fields were ignored: "secretPaths" (did you mean "secretPath"?), "zzz".'
    ]
    assert unknown_fields({"name": "n", "App": 1}, ignored=("App",)) == []
