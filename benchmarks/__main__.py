"""`python -m benchmarks [name …]`: figures, not pass or fail. Names: main, cold, waits; all without one."""

import sys
from collections.abc import Callable, Iterable

from rich.console import Console
from rich.table import Table

from benchmarks import cold, main_job, waits
from benchmarks.bare import Costs, measure_costs

GROUPS: dict[str, Callable[[Costs], Iterable[Table]]] = {
    "main": main_job.tables,
    "cold": cold.tables,
    "waits": waits.tables,
}


def main(names: list[str]) -> int:
    """Measure and print the groups of these names."""
    console = Console(highlight=False)
    unknown = set(names) - set(GROUPS)
    if unknown:
        console.print(f"There is no {', '.join(sorted(unknown))}. Names: {', '.join(GROUPS)}.")
        return 2
    costs = measure_costs()
    step, create = costs.step, costs.create.took
    console.print(
        f"The bare SDK on this machine, at 20 ms per call: a small call takes "
        f"{step.wall_seconds * 1000:.1f} ms ({step.cpu_seconds * 1000:.1f} ms of work); one of many "
        f"creates, eight at a time, {create.wall_seconds * 1000:.1f} ms "
        f"({create.cpu_seconds * 1000:.1f} ms of work)."
    )
    for name in names or GROUPS:
        for table in GROUPS[name](costs):
            console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
