"""A line of the table of goals."""

from collections import Counter
from dataclasses import dataclass

from benchmarks.function import Run


@dataclass(frozen=True)
class Row:
    """What was measured of a scenario, and what is to be reached."""

    what: str
    measured: str
    floor: str
    ratio: float | None
    goal: str
    is_met: bool
    calls: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """Return the row for people."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return (self.what, self.measured, self.floor, ratio, self.goal, self.calls)


def ratio_row(what: str, run: Run, floor: float, most: float, most_steps: int | None = None) -> Row:
    """Return the row of a run that should take no longer than so many times its floor."""
    steps = f"; {run.chain} calls in a row" if most_steps else ""
    goal = f"≤ {most}" + (f"; ≤ {most_steps} in a row" if most_steps else "")
    ratio = run.seconds / floor
    is_met = ratio <= most and run.chain <= (most_steps or run.chain)
    return Row(what, f"{run.seconds:.2f} s{steps}", f"{floor:.2f} s", ratio, goal, is_met, run.told)


def count_row(what: str, calls: Counter[str], floor: int, most: float) -> Row:
    """Return the row of a job that should make no more than so many times the calls of another."""
    number = sum(calls.values())
    told = ", ".join(f"{name} {times:,}" for name, times in calls.most_common(5))
    ratio = number / floor
    return Row(
        what, f"{number:,} calls", f"{floor:,} calls", ratio, f"≤ {most}", ratio <= most, told
    )
