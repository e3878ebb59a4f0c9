"""A bundle as text: what it looks like, and that it comes apart again as it was put together."""

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretBytes

from functions.plan.bundle import KeyBundle, KeyChanges, compare, key_of, name_of, unpack

JSON, ENV = KeyBundle("app"), KeyBundle("app", "env")
KEY = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12)
ODD = {
    "BLANKS": "  a  b ",
    "DOLLAR": "$HOME ${HOME} $(id) `id`",
    "EMPTY": "",
    "HASH": "a #b",
    "HOME_DIR": "~/x:~",
    "LINES": "-----BEGIN KEY-----\nMIIE+/==\n-----END KEY-----\n",
    "PLAIN": "pg://db.example:5432/x_y-z,a=b%20+@",
    "QUOTES": "it's \"it\" ''",
    "RETURN": "a\r\nb",
    "SEMICOLON": "a; exit 1 & b | c",
    "SLASHES": "\\n\\\\",
    "UNICODE": "Größe 🔑",
}


def values(texts):
    """Return texts as a source's values."""
    return {key: SecretBytes(text.encode()) for key, text in texts.items()}


def packed(bundle, texts):
    """Return the content of a bundle as text."""
    return bundle.pack(values(texts)).get_secret_value().decode()


def test_json():
    """JSON is one object, sorted by key, without blanks and with letters as they are."""
    assert packed(JSON, {"B": 'q"\n', "A": "Größe"}) == '{"A":"Größe","B":"q\\"\\n"}'


def test_env():
    """Lines are sorted by key; a value is quoted only where a shell would read something into it."""
    texts = {"B": "pg://db:5432/x", "A": "it's", "C": "two\nlines", "D": ""}
    assert packed(ENV, texts) == "A='it'\\''s'\nB=pg://db:5432/x\nC='two\nlines'\nD=\n"


def test_a_shell_reads_env(tmp_path):
    """A POSIX shell takes every value over as it is, whatever is in it, and runs none of it."""
    file = tmp_path / "app.env"
    file.write_bytes(ENV.pack(values(ODD)).get_secret_value())
    script = f"set -aeu; . {file}; env -0"
    found = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, check=True, env={"PATH": os.defpath}
    )
    shown = dict(row.split("=", 1) for row in found.stdout.decode().split("\0") if row)
    assert {key: shown[key] for key in ODD} == ODD
    assert found.stderr == b""


def test_docker_reads_what_is_not_quoted():
    """What stands without quotes is read right by what takes a line as it is, as `docker run --env-file` does."""
    assert f"PLAIN={ODD['PLAIN']}" in packed(ENV, ODD).splitlines()


@settings(max_examples=60)
@given(st.sampled_from([JSON, ENV]), st.dictionaries(KEY, TEXT, min_size=1, max_size=5))
def test_what_is_packed_comes_apart_again(bundle, texts):
    """Either format gives back every key and value, and the same keys always make the same text."""
    assert unpack(bundle.pack(values(texts))) == texts
    turned = dict(reversed(texts.items()))
    assert bundle.pack(values(texts)) == bundle.pack(values(turned))


def test_odd_values_come_apart_again():
    """Quotes, blanks, line ends and what a shell would expand come back from either format as they went in."""
    for bundle in (JSON, ENV):
        assert unpack(bundle.pack(values(ODD))) == ODD


def test_what_a_part_is_of():
    """A part of a bundle is told by the secret's name and its key; a whole secret is its own only part."""
    assert (name_of("app/A"), key_of("app/A")) == ("app", "A")
    assert (name_of("app"), key_of("app")) == ("app", "")
    assert name_of(JSON.part("a/b")) == "app"


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        b"some text",
        b"{",
        b"[]",
        b'{"A": 1}',
        b'{"A": {"B": "c"}}',
        b"A=1\nno line",
        b"A=$HOME\n",
        b'A="1"\n',
        b"A='1\n",
        b"1A=1\n",
    ],
)
def test_what_is_no_bundle(content):
    """Content that is neither an object of texts nor lines as they are written is no bundle."""
    assert unpack(SecretBytes(content)) is None


@pytest.mark.parametrize(
    "text", ["A=" + "a" * 24_000 + "$", "A=" + "''" * 12_000 + '"', '{"A":' + "[" * 24_000]
)
def test_hostile_content_takes_no_time(text):
    """Content that is no bundle is found out at once, however it is made."""
    assert unpack(SecretBytes(text.encode())) is None


def test_a_last_line_without_an_end():
    """An editor may take the last line end away."""
    assert unpack(SecretBytes(b"A=1\nB='2'")) == {"A": "1", "B": "2"}


@pytest.mark.parametrize("key", ["A-B", "1A", "", "A.B", "Ä", "A\n", "A B"])
def test_keys_that_no_shell_takes(key):
    """A key that is no name of a variable is refused for env, and taken for JSON."""
    assert "takes only letters, digits and _" in (ENV.refuse(key, "1") or "")
    assert JSON.refuse(key, "1") is None


def test_a_key_that_no_json_takes():
    """A key that is no text is refused for JSON too."""
    assert JSON.refuse("A\ud800", "1") == "its name is not valid Unicode text"


def test_a_value_that_no_shell_takes():
    """A NUL is refused for env, and taken for JSON."""
    assert "NUL" in (ENV.refuse("A", "a\0b") or "")
    assert JSON.refuse("A", "a\0b") is None
    assert ENV.refuse("_A1", "any\nthing'") is None


def test_which_keys_differ():
    """A comparison names what is added, changed, removed or left without value, and tells no value."""
    now = values(
        {f"app/{key}": text for key, text in {"A": "1", "B": "new", "E": "", "N": ""}.items()}
    )
    before = {"A": "1", "B": "hunter2", "C": "hunter2", "E": "hunter2", "X": ""}
    assert compare(before, now) == KeyChanges(
        added=("N",),
        changed=("B", "E"),
        removed=("C", "X"),
        lost=("C", "E"),
        held=frozenset("ABCE"),
    )
    assert "hunter2" not in repr(compare(before, now))
