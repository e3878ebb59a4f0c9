import hashlib
import hmac
import re

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes

from functions.plan import ownership
from functions.plan.ownership import Digests
from tests.support.plan_examples import DIGESTS, VAULT

TEXT = st.text(max_size=6)
PAIRS = st.dictionaries(st.sampled_from("ABC"), st.sampled_from(["", "1", "1\nB=1", "2"]))


def test_a_digest_is_a_keyed_hash_with_the_id_of_its_key():
    """A digest is `<key id>:<HMAC-SHA256>` of vault, name and value, and fits a tag."""
    made = DIGESTS.of("vault", "NAME", SecretBytes(b"value"))
    key_id, _, digest = made.partition(":")
    assert re.fullmatch("[0-9a-f]{8}", key_id)
    assert digest == hmac.new(b"k" * 32, b"vault\0NAME\0value", hashlib.sha256).hexdigest()
    assert len(made) <= 256


def test_another_key_shows_in_the_key_id():
    """Digests made by another key are told apart by their key id alone."""
    other = Digests(SecretBytes(b"o" * 32)).of(VAULT, "A", SecretBytes(b"1"))
    mine = DIGESTS.of(VAULT, "A", SecretBytes(b"1"))
    assert mine.split(":")[0] != other.split(":")[0]
    assert mine.split(":")[1] != other.split(":")[1]


@given(st.tuples(TEXT, TEXT, st.binary(max_size=4)), st.tuples(TEXT, TEXT, st.binary(max_size=4)))
def test_digests_are_equal_only_for_the_same_vault_name_and_value(one, two):
    """Two digests agree exactly if vault, name and value do (names hold no NUL)."""
    one, two = ((v.replace("\0", ""), n.replace("\0", ""), x) for v, n, x in (one, two))
    first, second = (DIGESTS.of(v, n, SecretBytes(x)) for v, n, x in (one, two))
    assert (first == second) == (one == two)


@given(st.text(max_size=9), TEXT, TEXT)
def test_a_seal_is_of_its_message_and_its_key_alone(message, vault, name):
    """A message's seal is no digest of a value, and no other message's or key's."""
    made = DIGESTS.sign(message)
    assert DIGESTS.is_signed(message, made)
    assert not DIGESTS.is_signed(message + " ", made)
    assert not Digests(SecretBytes(b"o" * 32)).is_signed(message, made)
    value = SecretBytes(message.encode())
    assert made != DIGESTS.of(vault, name, value)[9:]


def test_a_worker_remembers_the_digests_of_some_values_only(monkeypatch):
    """However many values a worker sees in its hour, it keeps the digests of a bounded number."""
    monkeypatch.setattr(ownership, "MOST_REMEMBERED", 3)
    digests = Digests(SecretBytes(b"k" * 32))
    made = [digests.of(VAULT, f"K{n}", SecretBytes(b"1")) for n in range(10)]
    assert len(digests._made) <= 3
    assert made == [digests.of(VAULT, f"K{n}", SecretBytes(b"1")) for n in range(10)]


def test_so_many_digests_are_remembered(monkeypatch):
    """What was made is remembered up to a number, for a worker sees the values of many syncs."""
    monkeypatch.setattr(ownership, "MOST_REMEMBERED", 3)
    digests = Digests(SecretBytes(b"k" * 32))
    for number in range(7):
        value = SecretBytes(str(number).encode())
        assert digests.of(VAULT, "A", value) == DIGESTS.of(VAULT, "A", value)
        assert len(digests._made) == number % 3 + 1
        digests.of(VAULT, "A", value)


def test_a_seal_that_is_no_text():
    """A seal of a broken message is no seal, whatever it is."""
    for seal in ("\ud800", None, 7, ["x"]):
        assert not DIGESTS.is_signed("message", seal)


def test_the_key_is_not_shown():
    """The digest key shows in no text of its holder, nor what it was used for."""
    DIGESTS.of(VAULT, "SOME_NAME", SecretBytes(b"value"))
    for shown in (repr(DIGESTS), str(DIGESTS)):
        assert "kkk" not in shown
        assert "SOME_NAME" not in shown
