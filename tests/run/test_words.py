"""Many names and reasons in few words."""

from functions.run.words import grouped, names_of

WHY = "secret {}, vault v, key k: absent: OCI answered 404 NotFound (opc-request-id {})"


def test_one_reason_for_many():
    """Keys that failed for one reason are told together, however each names itself and its request."""
    errors = {f"K{n}": WHY.format(f"K{n}", f"ID{n}") for n in range(30)} | {"OTHER": "too large"}
    assert grouped(errors) == [
        "K0, K1, K10, K11, K12 and 25 more: the secret, vault v, key k: absent: OCI answered 404 NotFound",
        "OTHER: too large",
    ]


def test_one_key_keeps_its_reason():
    """A reason that one key has alone is told as it is, with the id of the request."""
    assert grouped({"A": WHY.format("A", "X")}) == [f"A: {WHY.format('A', 'X')}"]
    assert grouped({}) == []


def test_a_name_in_a_name():
    """A name that is part of another's is not taken for it."""
    errors = {"A": "secret A-B is busy", "A-B": "secret A-B is busy"}
    assert grouped(errors) == ["A: secret A-B is busy", "A-B: secret A-B is busy"]


def test_long_names():
    """Names are shown as far as a sentence can bear them, one at least."""
    assert names_of(["x" * 250, "y" * 250]) == "x" * 250 + " and 1 more"
    assert names_of(["A", "B"]) == "A, B"
    assert names_of(["x" * 149, "y" * 149]).endswith("y"), "300 characters in all"
    assert names_of(["x" * 149, "y" * 150]).endswith(" and 1 more")
