from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from functions.errors import DeadlineReached, Refused
from functions.sources.infisical.references import Expander
from functions.sources.infisical.rows import Listing, Row, merged

HERE = ("dev", "/here")


def row(value, *, key="ROOT", place=HERE, quotes_lines=False):
    """A secret of the folder."""
    return Row(key, SecretStr(value), place, quotes_lines)


def expanded(value, held=None, *, key="ROOT", quotes_lines=False):
    """The expansion of `value`; `held` maps (environment, path, key) or a local key to values."""
    rows = {}
    for name, text in (held or {}).items():
        environment, path, own = (*HERE, name) if isinstance(name, str) else name
        rows[environment, path, own] = row(text, key=own, place=(environment, path))
    expander = Expander(lambda place, name: rows.get((*place, name)), lambda: None)
    value, _ = expander.expand(row(value, key=key, quotes_lines=quotes_lines))
    return value.get_secret_value()


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
        ("${NO}${prod.${ENV}.v1.A}", {"ENV": "api", PROD: "1"}, "${NO}1"),
        ("${prod.api..v1.A}", {PROD: "1"}, "1"),
        ("${A}" * 25, {"A": "x" * 1000}, "x" * 25_000),
        ("${prod.api.v1.A}", {PROD: "[${B}]", ("prod", "/api/v1", "B"): "b", "B": "x"}, "[b]"),
        ("${prod.api.v1.A}", {PROD: "[${B}]", "B": "not of that folder"}, "[${B}]"),
        (
            "${@other.prod.A}-${A}",
            {"A": "${@other.prod.b.C}"},
            "${@other.prod.A}-${@other.prod.b.C}",
        ),
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


@pytest.mark.parametrize("last", [1, 4, 9, 12])
def test_depth_is_the_same_whatever_was_read_before(last):
    """What is known of a target is used only where it is not too deep from there, and then it is not read again."""
    held = {f"DEEP{n}": f"{n}>${{DEEP{n - 1}}}" for n in range(last, 16)}
    held[f"DEEP{last - 1}"] = "end"
    for known in range(last, 16):
        together = Counted(held)
        together.expand(row(held[f"DEEP{known}"], key=f"DEEP{known}"))
        for n in range(15, last - 1, -1):
            value, _ = together.expand(row(held[f"DEEP{n}"], key=f"DEEP{n}"))
            assert value.get_secret_value() == expanded(held[f"DEEP{n}"], held, key=f"DEEP{n}")


def test_a_known_target_is_not_read_again_where_it_is_just_not_too_deep():
    """What was read once counts down to the deepest level that is followed."""
    held = {f"DEEP{n}": f"${{DEEP{n - 1}}}" for n in range(1, 12)} | {"DEEP0": "end"}
    together = Counted(held)
    for n in (5, 11):
        value, _ = together.expand(row(held[f"DEEP{n}"], key=f"DEEP{n}"))
        assert value.get_secret_value() == "end"
    assert together.reads == 11


def test_what_gave_the_targets_is_told():
    """Of each reference that was followed, directly or below another, the place that gave it is told, or none."""
    far = row("2", key="B", place=("prod", "/base"))
    rows = {
        (*HERE, "A"): row("${prod.api.B} ${NO}", key="A"),
        ("prod", "/api", "B"): far,  # which it imports
    }
    expander = Expander(lambda place, name: rows.get((*place, name)), lambda: None)
    below = {"prod:/api B": "prod:/base", "dev:/here NO": None}
    _, givers = expander.expand(row("${A}"))
    assert givers == {"dev:/here A": "dev:/here", **below}
    assert expander.expand(row("${A}", key="OTHER"))[1] == givers
    assert expander.expand(rows[*HERE, "A"])[1] == below
    assert expander.expand(row("${ROOT}"))[1] == {"dev:/here ROOT": None}, "a circle"


def bushy(levels, last=""):
    """Secrets of which each refers to all four of the level below it; the lowest hold `last`."""
    held = {
        f"{n}{a}": "".join(f"${{{n - 1}{b}}}" for b in "abcd")
        for n in range(1, levels)
        for a in "abcd"
    }
    return held | {f"0{a}": last for a in "abcd"}


def circles(members):
    """Secrets of which each refers to all others."""
    names = [f"C{n}" for n in range(members)]
    return {name: "".join(f"${{{n}}}" for n in names) for name in names}


@pytest.mark.parametrize(
    ("value", "held", "reason"),
    [
        ("${C0}", circles(8), "more than 1000 secrets"),
        ("${9a}", bushy(10, "x"), "more than the 25000 bytes"),
        ("${A}" * 26, {"A": "x" * 1000}, "more than the 25000 bytes"),
    ],
)
def test_not_expandable(value, held, reason):
    """References that grow without measure are refused."""
    with pytest.raises(Refused, match=reason):
        expanded(value, held)


def test_a_key_refers_to_a_thousand_secrets_at_most():
    """A thousand targets are followed for one key, and not one more."""
    held = {f"T{n}": "" for n in range(1001)}
    assert expanded("".join(f"${{T{n}}}" for n in range(1000)), held) == ""
    with pytest.raises(Refused, match="more than 1000 secrets"):
        expanded("".join(f"${{T{n}}}" for n in range(1001)), held)


class Counted(Expander):
    """Counts the folders' secrets that it reads."""

    def __init__(self, held, check=lambda: None):
        self.reads = 0
        super().__init__(lambda _, key: self.read(held, key), check)

    def read(self, held, key):
        self.reads += 1
        return row(held[key], key=key) if key in held else None

    def spent(self, rows):
        """What it costs to expand these, refusals included."""
        before = self.characters_left
        for one in rows:
            with suppress(Refused):
                self.expand(one)
        return before - self.characters_left


def test_each_target_is_expanded_once():
    """What many secrets refer to is read once; 4^9 ways to it cost as much as one."""
    expander = Counted(bushy(10))
    for name in "abcd" * 10:
        assert expander.expand(row(f"${{9{name}}}"))[0].get_secret_value() == ""
    assert expander.reads == 40


def test_circles_are_read_the_same_whatever_was_read_before():
    """What a circle cuts is not remembered: in which order keys are expanded changes no value."""
    held = {"A": "a${B}", "B": "b${C}", "C": "c${A}"}
    together = Counted(held)
    for key in "CABCAB":
        value = together.expand(row(held[key], key=key))[0].get_secret_value()
        assert value == expanded(held[key], held, key=key)


HOSTILE = {
    "many": lambda n: (
        {f"K{i}": "".join(f"${{T{j}}}" for j in range(300)) for i in range(n)}
        | {f"T{j}": "x" * 3000 for j in range(300)}
    ),
    "chain": lambda n: {f"K{i}": f"${{K{i + 1}}}" * 20 for i in range(n)},
    "circles": lambda n: {f"K{i}": f"${{C{i % 8}}}" for i in range(n)} | circles(8),
    "nothing": lambda n: {f"K{i}": "${NO}" * 5000 for i in range(n)},
    "each other": lambda n: {
        f"K{i}": "".join(f"${{K{i + j}}}" for j in range(9)) for i in range(n)
    },
}


@pytest.mark.parametrize("shape", HOSTILE)
def test_work_grows_linearly(shape):
    """Ten times as many hostile secrets cost at most some ten times as much, and a read is bounded."""
    few, many = HOSTILE[shape](30), HOSTILE[shape](300)
    cost_few = Counted(few).spent([row(text, key=key) for key, text in few.items()])
    cost_many = Counted(many).spent([row(text, key=key) for key, text in many.items()])
    assert cost_many <= 15 * cost_few
    assert cost_many <= 16_000_000


def test_a_read_is_bounded():
    """However many secrets refer to however much, a read ends; what it did not reach is refused."""
    held = {f"K{i}": "${NO}" * 5000 for i in range(2000)}
    expander = Counted(held)
    assert expander.spent([row(text, key=key) for key, text in held.items()]) <= 16_000_000
    with pytest.raises(Refused, match="take too long to follow"):
        expander.expand(row(held["K1"], key="K1"))
    assert expander.expand(row("plain"))[0].get_secret_value() == "plain"


def test_another_project_is_not_looked_into():
    """What another project gave stays as it is, and no folder is asked for what it refers to."""
    foreign = row("h:${PORT}", place=("@other.prod", "/x"))
    assert Counted({"PORT": "1"}).expand(foreign)[0].get_secret_value() == "h:${PORT}"


def test_what_is_told_costs_too():
    """To tell of a target what it refers to in turn is work as well, each time that something refers to it."""
    held = {"MANY": "".join(f"${{T{n}}}" for n in range(500))} | {f"T{n}": "" for n in range(500)}
    expander = Counted(held)
    expander.spent([row("${MANY}")])
    assert expander.spent([row("${MANY}", key="OTHER")]) > 500


def test_the_invocation_s_time_ends_it():
    """Where the time of the invocation is used up, no further reference is followed."""
    asked = []

    def check():
        asked.append(1)
        if len(asked) > 3:
            raise DeadlineReached("The time of this invocation is used up.")

    with pytest.raises(DeadlineReached):
        Counted(bushy(10), check).expand(row("${9a}"))


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
