from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from functions.errors import Refused
from functions.sources.infisical.references import expand
from functions.sources.infisical.rows import Listing, Row, merged

HERE = ("dev", "/here")


def row(value, *, key="ROOT", place=HERE, quotes_lines=False):
    """A secret of the folder."""
    return Row(key, SecretStr(value), place, quotes_lines)


def expanded(value, held=None, *, quotes_lines=False):
    """The expansion of `value`; `held` maps (environment, path, key) or a local key to values."""
    rows = {}
    for name, text in (held or {}).items():
        environment, path, key = (*HERE, name) if isinstance(name, str) else name
        rows[environment, path, key] = row(text, key=key, place=(environment, path))
    result = expand(
        row(value, quotes_lines=quotes_lines), lambda place, key: rows.get((*place, key))
    )
    return result.get_secret_value()


PROD = ("prod", "/api/v1", "A")


@pytest.mark.parametrize(
    ("value", "held", "result"),
    [
        ("x${A}y", {"A": "1"}, "x1y"),
        ("${prod.api.v1.A}", {PROD: "1"}, "1"),
        ("${prod.A}", {("prod", "/", "A"): "1"}, "1"),
        ("${MISSING}", {}, "${MISSING}"),
        ("${prod.nope.A}", {PROD: "1"}, "${prod.nope.A}"),
        ("<${A}>", {"A": ""}, "<>"),
        ("${A}${A}", {"A": "1"}, "11"),
        ("${A}-${B}", {"A": "${C}", "B": "${C}", "C": "c"}, "c-c"),
        ("${A}", {"A": "a$&b$$c$1d\\1"}, "a$&b$$c$1d\\1"),
        ("${HOME:-/root} $HOME ${A", {"A": "1"}, "${HOME:-/root} $HOME ${A"),
        ("${ROOT}", {"ROOT": "${ROOT}"}, "${ROOT}"),
        ("a${B}", {"B": "b${ROOT}", "ROOT": "a${B}"}, "ab${ROOT}"),
        ("${prod.${ENV}.v1.A}", {"ENV": "api", PROD: "1"}, "1"),
        ("${prod.api.v1.A}", {PROD: "[${B}]", ("prod", "/api/v1", "B"): "b", "B": "x"}, "[b]"),
        ("${prod.api.v1.A}", {PROD: "[${B}]", "B": "not of that folder"}, "[${B}]"),
    ],
)
def test_references(value, held, result):
    """T14: references resolve where they stand, verbatim; what is missing or circular stays."""
    assert expanded(value, held) == result


@pytest.mark.parametrize(
    ("value", "quotes_lines", "result"),
    [
        ("l1\n${A}", True, '"l1\\n1"'),
        ("l1\n${A}", False, "l1\n1"),
        ("l1\nl2", True, "l1\nl2"),
        ("${A}", True, "1"),
        ("${LINES}", True, '"x\\ny"'),
    ],
)
def test_multiline_encoding(value, quotes_lines, result):
    """T14: skipMultilineEncoding quotes the lines of values that hold a reference, and no others."""
    assert expanded(value, {"A": "1", "LINES": "x\ny"}, quotes_lines=quotes_lines) == result


def test_depth():
    """References are followed as deep as the server does, and no deeper."""
    held = {f"DEEP{n}": f"{n}>${{DEEP{n - 1}}}" for n in range(2, 14)}
    assert expanded("14>${DEEP13}", held) == "14>13>12>11>10>9>8>7>6>5>4>3>${DEEP2}"


BUSHY = {
    f"{n}{a}": "".join(f"${{{n - 1}{b}}}" for b in "abcd") for n in range(1, 10) for a in "abcd"
}


@pytest.mark.parametrize(
    ("value", "held", "reason"),
    [
        ("${@other.prod.A}", {}, "another project"),
        ("${A}", {"A": "${@other.prod.A}"}, "another project"),
        ("${9a}", BUSHY, "more than 1000 secrets"),
        ("${A}" * 2000, {"A": "x" * 1000}, "more than 1048576 characters"),
    ],
)
def test_not_expandable(value, held, reason):
    """References to other projects and those that grow without measure are refused."""
    with pytest.raises(Refused, match=reason):
        expanded(value, held)


TEXT = st.text(alphabet="${}AB.@x\n\\", max_size=12)


@given(st.dictionaries(st.sampled_from("ABC"), TEXT), TEXT)
def test_any_graph_ends(held, value):
    """Whatever secrets refer to each other, expansion ends with a value or a refusal."""
    with suppress(Refused):
        assert isinstance(expanded(value, held), str)


@given(TEXT, TEXT, TEXT)
def test_values_are_inserted_verbatim(before, target, after):
    """A value without references arrives unchanged where it is referred to."""
    left, middle, right = (text.replace("{", "") for text in (before, target, after))
    assert expanded(f"{left}${{A}}{right}", {"A": middle}) == left + middle + right


ROWS = st.lists(st.tuples(st.sampled_from("ABCD"), st.text(max_size=3)), max_size=5)


@given(ROWS, st.lists(ROWS, max_size=3))
def test_merge_law(own, imports):
    """Every key comes from the folder, else from the last import that has it, else from nowhere."""
    blocks = tuple(
        (("prod", f"/{n}"), tuple(row(v, key=k, place=("prod", f"/{n}")) for k, v in rows))
        for n, rows in enumerate(imports)
    )
    view = merged(Listing(tuple(row(v, key=k) for k, v in own), blocks))
    for key in "ABCD":
        sources = [[v for k, v in rows if k == key] for rows in [*imports, own]]
        wanted = next((rows[0] for rows in reversed(sources) if rows), None)
        found = view.rows.get(key)
        assert (found and found.value.get_secret_value()) == wanted
        assert (key in view.doubtful) == (len(set(sources[-1])) > 1)
