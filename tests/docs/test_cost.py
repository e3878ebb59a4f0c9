"""The document of the cost: its figures follow from its formulas, and those from what jobs really ask for."""

import re
from collections import Counter
from datetime import timedelta
from math import ceil

import pytest

from benchmarks.scale import PRICES
from tests.docs.documents import DOCUMENTS
from tests.support.virtual_cloud import TICK_EVERY_SECONDS, VirtualCloud

TEXT = DOCUMENTS["docs/limits-and-cost.md"]
ROWS = [[cell.strip() for cell in row.split("|")[1:-1]] for row in TEXT.splitlines()]
FORMULAS = {row[0]: row for row in ROWS if len(row) == 6 and re.search(r"\b[TVW]\b", row[1])}
SIZES = (10, 100, 1000)
SECRETS = 20
TICKS = 43_200
ABOUT = 1
LOG_USD_A_GIGABYTE = 0.05


def amount(formula, syncs):
    """Return what a formula comes to in a month."""
    known = {"N": syncs, "S": SECRETS, "T": TICKS, "W": 150 * syncs, "V": 720 * syncs}
    code = re.sub(r"⌈(.+?)⌉", r"ceil(\1)", formula.replace("·", "*"))
    return eval(code, {"ceil": ceil}, known)


def number(text):
    """Return a number of the document."""
    return float(text.strip("*").replace(",", ""))


@pytest.mark.parametrize("kind", FORMULAS)
def test_figures_follow_from_their_formula(kind):
    """What stands in a column is what the formula comes to."""
    _, formula, *figures, _ = FORMULAS[kind]
    assert [number(f) for f in figures] == [int(amount(formula, syncs)) for syncs in SIZES]


def test_the_cost_of_a_month():
    """The sums are those of the amounts and prices, with and without what is free."""
    told = [[number(c) for c in row[2:5]] for row in ROWS if row[-1:] and "use" in row[-1][:30]]
    with_free, without = [], []
    for syncs in SIZES:
        amounts = {kind: amount(FORMULAS[kind][1], syncs) for kind in PRICES}
        logs = next(row[1] for kind, row in FORMULAS.items() if kind.startswith("run lines"))
        with_free.append(sum(PRICES[kind].of(n) for kind, n in amounts.items()))
        paid = sum(n * PRICES[kind].usd / PRICES[kind].units for kind, n in amounts.items())
        without.append(paid + amount(logs, syncs) / 1e6 * LOG_USD_A_GIGABYTE)
    assert told == [[round(usd, 2) for usd in with_free], [round(usd, 2) for usd in without]]


def test_requests_are_those_of_the_code():
    """A tick, a change with the tick that makes sure of it, and a verification ask for what is said."""
    cloud = VirtualCloud(interval=timedelta(hours=8))
    folder = cloud.add_sync("a", {f"K{n}": "1" for n in range(SECRETS)})
    cloud.mark_verified("a")
    cloud.webhook(folder)
    cloud.pass_time(TICK_EVERY_SECONDS)
    cloud.tick()
    cloud.pass_time(3600)
    cloud.take_calls()

    cloud.tick()
    cloud.pass_time(TICK_EVERY_SECONDS)
    tick = cloud.take_calls()
    cloud.source.folders[folder]["K1"] = "2"
    cloud.webhook(folder)
    cloud.pass_time(TICK_EVERY_SECONDS)
    cloud.tick()
    cloud.pass_time(3600)
    change = cloud.take_calls() - tick
    cloud.interval = timedelta(0)
    cloud.tick()
    cloud.pass_time(TICK_EVERY_SECONDS)
    verification = cloud.take_calls() - tick

    formula = FORMULAS["Object Storage requests"][1]
    assert requests(tick, "store") == 1 + 3
    assert formula.startswith("(1 + 3·⌈N/1000⌉)·T")
    for calls, what in ((change, "W"), (verification, "V")):
        said = int(re.search(rf"(\d+)·{what}", formula)[1])
        assert requests(calls, "store") == pytest.approx(said, abs=ABOUT)
    assert requests(verification, "vault") == SECRETS + 1
    assert requests(change, "vault") == 3
    assert requests(change, "queue") <= int(re.search(r"(\d+)·W", FORMULAS["Queue requests"][1])[1])


def requests(calls: Counter, service):
    """Return how many requests a service got."""
    return sum(n for name, n in calls.items() if name.startswith(f"{service}."))
