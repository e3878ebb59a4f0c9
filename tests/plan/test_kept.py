"""Which changes follow from something that is not shown any more, and what the source is asked of it."""

from dataclasses import replace

import pytest
from pydantic import SecretStr

from functions.plan.kept import KeyMemory, Missing, lost_reference, missing
from functions.plan.models import Action, Change, Origin, SourceSecret, parse_place

HERE = ("prod", "/api")
SHARED = Origin("import", "prod", "/shared")
COMMON = Origin("import", "dev", "/common")
BELOW = Origin("folder", "prod", "/api/sub")
PASSWORD = "prod:/db PASSWORD"
OTHERS = sorted(set(Action) - {Action.CREATE, Action.UPDATE})


def key(origin=None):
    """Return a key without references, as the source gives it."""
    return SourceSecret("URL", SecretStr("x"), origin)


def refers(**places):
    """Return a key of the folder whose text refers to PASSWORD and perhaps to HOST."""
    names = {"password": PASSWORD, "host": "prod:/db HOST"}
    return SourceSecret(
        "URL", SecretStr("x"), None, {names[name]: at for name, at in places.items()}
    )


def asked(known, secret, action=Action.UPDATE, *, is_mine=True):
    """Return what must be asked before a change."""
    return list(missing(Change(action, "P_URL"), "URL", secret, known, HERE, is_mine=is_mine))


@pytest.mark.parametrize("action", [Action.CREATE, Action.UPDATE])
def test_a_reference_that_resolved_and_does_not_now_holds_its_key(action):
    """A reference that resolved before and does not now is named, whatever else the text refers to."""
    known = KeyMemory(references={PASSWORD: "prod:/db"})
    secret = refers(host="prod:/db", password=None)
    why = f"it refers to {PASSWORD}, which is not there"
    assert lost_reference(Change(action, "P_URL"), secret, known) == why


def test_only_references_of_the_present_text_hold_a_key():
    """A reference that somebody took out of the text holds nothing, though its target was there before."""
    known = KeyMemory(references={PASSWORD: "prod:/shared"})
    assert lost_reference(Change(Action.UPDATE, "P_URL"), key(), known) is None
    assert asked(known, key()) == []


@pytest.mark.parametrize(
    "known", [KeyMemory(), KeyMemory(references={"prod:/db HOST": "prod:/db"})]
)
def test_a_reference_that_never_resolved_is_text(known):
    """A reference that never resolved is text, as it is in the source; one that resolves holds nothing."""
    secret = refers(host="prod:/db", password=None)
    assert lost_reference(Change(Action.UPDATE, "P_URL"), secret, known) is None


@pytest.mark.parametrize("known", [None, KeyMemory(references=None)])
def test_without_memory_an_unresolved_reference_replaces_nothing(known):
    """Where nothing is known, an unresolved reference is text for a new secret, and held for one there is."""
    secret = refers(password=None)
    assert lost_reference(Change(Action.CREATE, "P_URL"), secret, known) is None
    assert lost_reference(Change(Action.UPDATE, "P_URL"), secret, known) is not None


@pytest.mark.parametrize("action", OTHERS)
def test_a_change_that_writes_no_value_refers_to_nothing(action):
    """References hold what would be written: no deletion, restoration or tag."""
    known = KeyMemory(references={PASSWORD: "prod:/db"})
    assert lost_reference(Change(action, "P_URL"), refers(password=None), known) is None
    assert lost_reference(Change(Action.UPDATE, "P_URL"), None, known) is None


@pytest.mark.parametrize("action", [Action.RESTORE, Action.TAG])
def test_nothing_is_asked_before_a_change_that_follows_from_no_value(action):
    """A restoration and a tag follow from nothing that may be hidden."""
    assert asked(KeyMemory(origin=str(SHARED)), None, action) == []


@pytest.mark.parametrize("action", [Action.CREATE, Action.UPDATE, Action.DELETE])
def test_the_place_that_gave_a_key_is_asked(action):
    """Where nothing shows a key, or a lower place does, the place that gave it before is asked."""
    known = KeyMemory(origin=str(SHARED))
    assert asked(known, None, action) == [Missing(HERE, "URL", SHARED)]
    assert asked(known, key(COMMON), action) == [Missing(HERE, "URL", SHARED, COMMON)]


@pytest.mark.parametrize(
    ("origin", "secret"),
    [
        (str(SHARED), key(SHARED)),  # the same place gives it
        (str(SHARED), key()),  # the folder itself gives it now, which counts before all others
        (None, key(SHARED)),  # the folder gave it: what it holds itself is no question
        (None, None),
    ],
)
def test_what_is_shown_by_its_giver_or_by_the_folder_is_no_question(origin, secret):
    """Nothing is asked where the same place gives the key, where the folder does now, or did before."""
    assert asked(KeyMemory(origin=origin), secret) == []


def test_an_own_secret_of_which_nothing_is_known_may_be_anybodys():
    """Without memory an own secret that the folder itself does not give asks any place; a stranger's asks none."""
    assert asked(None, None, Action.DELETE) == [Missing(HERE, "URL", None)]
    assert asked(None, key(SHARED)) == [Missing(HERE, "URL", None, SHARED)]
    assert asked(None, key()) == []
    assert asked(None, None, Action.DELETE, is_mine=False) == []
    assert asked(None, key(SHARED), is_mine=False) == []


@pytest.mark.parametrize(
    ("before", "now", "is_asked"),
    [("b", "a-b", False), ("b", "c", True), ("", "c", False), ("b", "", False)],
)
def test_a_place_that_gives_another_secret_is_asked(before, now, is_asked):
    """A place that gives another secret of the same key may have it from another of its imports now."""
    known = KeyMemory(origin=str(SHARED), id=before)
    found = [Missing(HERE, "URL", SHARED, SHARED)] if is_asked else []
    assert asked(known, replace(key(SHARED), id=now)) == found


@pytest.mark.parametrize(
    ("before", "now", "is_asked"),
    [
        ("prod:/shared a", "prod:/shared b", True),
        (
            "prod:/db a",
            "prod:/db b",
            True,
        ),  # shown as an import: it may have it from one of its own
        ("prod:/shared a", "prod:/shared a", False),
        ("prod:/shared", "prod:/shared b", False),
        ("prod:/shared a", "prod:/shared", False),
    ],
)
def test_a_target_that_is_another_secret_now(before, now, is_asked):
    """A place that gives another secret as the target may have it from another of its imports now."""
    place = Origin("import", *parse_place(now.partition(" ")[0]))
    expected = [Missing(("prod", "/db"), "PASSWORD", place, place, is_reference=True)]
    found = asked(KeyMemory(references={PASSWORD: before}), refers(password=now))
    assert found == (expected if is_asked else [])


def test_a_target_that_another_place_gives_now_is_asked():
    """Where a lower place gives the target of a reference, the one that gave it before is asked."""
    known = KeyMemory(references={PASSWORD: "prod:/shared"})
    lower = Missing(("prod", "/db"), "PASSWORD", SHARED, COMMON, is_reference=True)
    assert asked(known, refers(password="dev:/common")) == [lower]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({PASSWORD: "prod:/shared"}, "prod:/shared"),  # the same place
        ({PASSWORD: "prod:/shared"}, "prod:/db"),  # the folder itself counts before its imports
        ({PASSWORD: "prod:/db"}, "dev:/common"),  # the folder itself gave it: it was deleted there
        ({PASSWORD: "prod:/shared"}, None),  # `lost_reference` judges that
        ({}, "dev:/common"),
        (None, "dev:/common"),
    ],
)
def test_a_target_that_its_own_folder_gives_or_gave_is_no_question(before, now):
    """Nothing is asked where the same place or the named folder gives the target, or the folder gave it."""
    assert asked(KeyMemory(references=before), refers(password=now)) == []


def test_a_key_and_its_targets_are_asked_one_after_the_other():
    """A key that another place gives, and whose target another place gives, asks both."""
    known = KeyMemory(origin=str(BELOW), references={PASSWORD: "prod:/shared"})
    secret = SourceSecret("URL", SecretStr("x"), SHARED, {PASSWORD: "dev:/common"})
    first, second = asked(known, secret)
    assert (first.giver, first.is_reference) == (BELOW, False)
    assert (second.giver, second.shown_by, second.is_reference) == (SHARED, COMMON, True)
