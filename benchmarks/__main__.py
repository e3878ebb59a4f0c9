"""`python -m benchmarks [name …]`: figures, not pass or fail. The names stand in GROUPS; first the goals."""

import sys
from collections.abc import Callable, Iterable

from rich.console import Console
from rich.table import Table

from benchmarks import cold, console, goals, image, main_job, references, waits

FILE_COLUMNS = 160
GROUPS: dict[str, Callable[[], Iterable[Table]]] = {
    "goals": goals.tables,
    "main": main_job.tables,
    "cold": cold.tables,
    "console": console.tables,
    "waits": waits.tables,
    "references": references.tables,
    "image": image.tables,
}


def main(names: list[str]) -> int:
    """Measure and print the groups of these names."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else FILE_COLUMNS)
    unknown = set(names) - set(GROUPS)
    if unknown:
        console.print(f"There is no {', '.join(sorted(unknown))}. Names: {', '.join(GROUPS)}.")
        return 2
    for name in names or ["goals"]:
        for table in GROUPS[name]():
            console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
