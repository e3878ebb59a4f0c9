import pytest
from pydantic import SecretBytes, SecretStr

from functions.plan.bundle import KeyBundle
from functions.plan.desired import desired_from
from functions.plan.models import Origin, SourceSecret, SourceSecrets
from functions.plan.naming import KeySchema
from functions.plan.sync_config import TagFilter
from tests.support.plan_examples import IMPORT, source

SCHEMA = KeySchema("X_{{secretKey}}", "prod")


def test_values_go_by_their_vault_names():
    """What is wanted is each value in UTF-8 under the name that the schema gives its key."""
    desired = desired_from(source({"A": "1", "B": "Größe 🔑\n"}), SCHEMA)
    assert desired.values == {
        "X_A": SecretBytes(b"1"),
        "X_B": SecretBytes("Größe 🔑\n".encode()),
    }
    assert (dict(desired.errors), desired.empty) == ({}, ())


def test_empty_values_are_not_wanted():
    """A key whose value is empty is not wanted and is listed; spaces are a value."""
    desired = desired_from(source({"B": "", "A": "", "C": " "}), SCHEMA)
    assert desired.empty == ("X_A", "X_B")
    assert list(desired.values) == ["X_C"]


def test_a_key_that_the_source_could_not_read_is_an_error():
    """A key with an error of the source is not wanted, even where a value came along."""
    desired = desired_from(
        source({"A": "1", "B": "2"}, errors={"A": "two of it", "Z": "why"}), SCHEMA
    )
    assert desired.errors == {"X_A": "two of it", "X_Z": "why"}
    assert list(desired.values) == ["X_B"]


def test_what_oci_would_refuse_is_an_error_of_its_key():
    """A refused name, a too large value and text that is no Unicode are errors without the value."""
    desired = desired_from(
        source({"a/b": "hunter2", "ä": "", "BIG": "hunter2" * 4000, "HALF": "hunter2\ud800"}),
        SCHEMA,
    )
    assert not desired.values
    assert desired.errors["X_a/b"].startswith("OCI Vault allows only")
    assert desired.errors["X_ä"].startswith("OCI Vault allows only")
    assert desired.errors["X_BIG"].startswith("the value has 28000 bytes")
    assert desired.errors["X_HALF"] == "the value is not valid Unicode text"
    assert "hunter2" not in repr(desired)


def test_the_size_of_a_value_is_that_of_its_bytes():
    """The limit counts UTF-8 bytes, not characters."""
    desired = desired_from(source({"A": "ä" * 12_500, "B": "ä" * 12_501}), SCHEMA)
    assert list(desired.values) == ["X_A"]
    assert list(desired.errors) == ["X_B"]


def test_keys_of_several_folders():
    """Where the schema tells folders apart each key has its name, also one that could not be read."""
    schema = KeySchema("{{folderPath}}_{{secretKey}}", "prod")
    rows = (SourceSecret("K", SecretStr(path or "top"), folder=path) for path in ("", "a", "a/b"))
    desired = desired_from(SourceSecrets(tuple(rows), {"c/K": "hidden"}), schema)
    assert {name: value.get_secret_value() for name, value in desired.values.items()} == {
        "K": b"top",
        "a_K": b"a",
        "a_b_K": b"a/b",
    }
    assert desired.errors == {"c_K": "hidden"}
    assert desired.collisions == {}


def test_keys_that_come_to_the_same_name():
    """Keys of two folders whose names come to the same are told, each with its place."""
    schema = KeySchema("{{folderPath}}_{{secretKey}}", "prod")
    rows = (SourceSecret("K", SecretStr("1"), folder=path) for path in ("a/b", "a_b"))
    desired = desired_from(SourceSecrets(tuple(rows)), schema)
    assert desired.collisions == {"a_b_K": ("a/b/K", "a_b/K")}


APP = KeySchema("X_{{secretKey}}", "prod", KeyBundle("app"))


def test_a_bundle_is_all_keys_under_its_name():
    """All keys are one value under the bundle's name, empty ones too; each is known by its own name."""
    desired = desired_from(source({"B": "", "A": "ä"}), APP)
    assert desired.values == {"app": SecretBytes('{"A":"ä","B":""}'.encode())}
    assert desired.parts == {"app/A": SecretBytes("ä".encode()), "app/B": SecretBytes(b"")}
    assert (desired.errors, desired.empty) == ({}, ())


def test_one_wrong_key_holds_the_bundle():
    """A key that cannot be read, or that the format does not take, is an error of the bundle that names it."""
    desired = desired_from(source({"A": "1", "BAD": "\ud800"}, errors={"Z": "why"}), APP)
    assert desired.errors == {"app": "BAD: the value is not valid Unicode text; Z: why"}
    assert not desired.values
    env = KeySchema(None, "prod", KeyBundle("app", "env"))
    assert "A-B: the format env takes only" in desired_from(source({"A-B": "1"}), env).errors["app"]


def test_the_size_of_a_bundle():
    """A bundle of 25,000 bytes is taken; a larger one is an error that says how large it is."""
    frame = len('{"A":"","B":""}')
    fits = {"A": "ä" * 10_000, "B": "b" * (5_000 - frame)}
    assert list(desired_from(source(fits), APP).values) == ["app"]
    over = desired_from(source({**fits, "B": fits["B"] + "b"}), APP)
    assert over.errors == {
        "app": "the value has 25001 bytes; OCI Vault takes at most 25000: all keys of the bundle together"
    }


def test_what_holds_a_bundle_hides_none_of_its_keys():
    """A bundle that has an error still tells its keys, and where they came from."""
    origins = {"A": IMPORT}
    wrong = ({"A": "1", "B": "2", "BAD": "\ud800"}, {"A": "1", "B": "x" * 30_000})
    for keys in ({"A": "1", "B": "2"}, *wrong):
        held = desired_from(source(keys, origins=origins), APP)
        assert held.errors.keys() == ({"app"} if keys in wrong else set())
        assert held.parts.keys() == {"app/A", "app/B"}
        assert set(held.origins.values()) == {IMPORT}


def test_a_bundle_without_keys():
    """A folder without keys wants no bundle."""
    assert (desired_from(source(), APP).values, desired_from(source(), APP).errors) == ({}, {})


def test_a_bundle_of_keys_with_a_tag():
    """A filter chooses among the keys of a bundle; a key that tells no tags holds it."""
    rows = [
        SourceSecret(k, SecretStr("1"), tags=frozenset(t)) for k, t in {"A": "a", "B": "b"}.items()
    ]
    only = TagFilter(tags=["a"])
    assert desired_from(SourceSecrets(tuple(rows)), APP, only).parts.keys() == {"app/A"}
    rows.append(SourceSecret("C", SecretStr("1")))
    assert (
        desired_from(SourceSecrets(tuple(rows)), APP, only)
        .errors["app"]
        .startswith("C: the source")
    )


def test_origins_are_kept_by_vault_name():
    """The import or sub-folder of a key is known under its vault name, refused values included."""
    desired = desired_from(
        source(
            {"A": "1", "B": "", "C": "x" * 30_000, "OWN": "1"}, origins=dict.fromkeys("ABC", IMPORT)
        ),
        SCHEMA,
    )
    assert desired.origins == dict.fromkeys(["X_A", "X_B", "X_C"], IMPORT)


def test_values_are_not_shown():
    """Neither what the source holds nor what is wanted shows a value in its text."""
    held = SourceSecrets((SourceSecret("A", source({"A": "hunter2"}).secrets[0].value),))
    assert "hunter2" not in repr(held) + str(held)
    assert "hunter2" not in repr(desired_from(held, SCHEMA)) + str(desired_from(held, SCHEMA))


def tagged(**keys):
    """Return a source with tags by key."""
    return SourceSecrets(
        tuple(SourceSecret(key, SecretStr("1"), tags=tags) for key, tags in keys.items())
    )


@pytest.mark.parametrize(
    ("match", "wanted"), [("any", ["X_A", "X_AB", "X_ABC", "X_B"]), ("all", ["X_AB", "X_ABC"])]
)
def test_a_filter_chooses_by_tags(match, wanted):
    """With a filter only keys that have any, or all, of its tags are wanted."""
    keys = tagged(
        A=frozenset("a"),
        AB=frozenset("ab"),
        ABC=frozenset("abc"),
        B=frozenset("b"),
        C=frozenset("c"),
        NONE=frozenset(),
    )
    desired = desired_from(keys, SCHEMA, TagFilter(tags=["a", "b"], match=match))
    assert (sorted(desired.values), dict(desired.errors)) == (wanted, {})


def test_a_filter_takes_what_is_imported():
    """Imported keys are wanted whatever the filter says, as the source tells no tags of them."""
    imported = SourceSecrets((SourceSecret("A", SecretStr("1"), IMPORT),))
    assert list(desired_from(imported, SCHEMA, TagFilter(tags=["a"])).values) == ["X_A"]


def test_a_filter_chooses_among_the_keys_of_sub_folders():
    """The source tells the tags of what lies in sub-folders: they are chosen as the folder's own are."""
    below = Origin("folder", "prod", "/api/sub")
    rows = [
        SourceSecret(key, SecretStr("1"), below, tags=frozenset(key.lower())) for key in ("A", "B")
    ]
    desired = desired_from(SourceSecrets(tuple(rows)), SCHEMA, TagFilter(tags=["a"]))
    assert list(desired.values) == ["X_A"]


def test_a_filter_needs_tags():
    """A key whose tags the source does not tell is an error: neither written nor deleted."""
    desired = desired_from(tagged(A=None), SCHEMA, TagFilter(tags=["a"]))
    assert desired.values == {}
    assert "does not tell its tags" in desired.errors["X_A"]
