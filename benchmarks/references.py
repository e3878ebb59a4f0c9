"""Hostile references: how long the expansion of a folder takes whose editor means harm."""

from collections.abc import Iterator
from contextlib import suppress
from time import perf_counter

from pydantic import SecretStr
from rich.table import Table

from functions.errors import Refused
from functions.sources.infisical.references import Expander
from functions.sources.infisical.rows import Row

SIZES = (30, 100, 300, 1000)
PLACE = ("dev", "/app")
SHAPES = {
    "each 300 references to 3 KB": "".join(f"${{T{n}}}" for n in range(300)),
    "each in a circle of eight": "".join(f"${{C{n}}}" for n in range(8)),
    "each 5,000 references to nothing": "${NO}" * 5000,
}
TARGETS = {f"T{n}": "x" * 3000 for n in range(300)}
CIRCLE = {f"C{n}": "".join(f"${{C{m}}}" for m in range(8)) for n in range(8)}


def tables() -> Iterator[Table]:
    """Measure it; yield one table, whose times should grow no faster than the number of keys."""
    table = Table("references", *(f"{size} keys: s" for size in SIZES))
    for what, value in SHAPES.items():
        table.add_row(what, *(f"{_seconds(value, size):.2f}" for size in SIZES))
    yield table


def _seconds(value: str, size: int) -> float:
    held = {f"K{n}": value for n in range(size)} | TARGETS | CIRCLE
    rows = {key: Row(key, SecretStr(text), PLACE, quotes_lines=False) for key, text in held.items()}
    expander = Expander(lambda _, key: rows.get(key), lambda: None)
    start = perf_counter()
    for row in rows.values():
        with suppress(Refused):
            expander.expand(row)
    return perf_counter() - start
