"""Expansion of `${KEY}` and `${environment.folder.KEY}` in secret values. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import SecretStr

from functions.errors import Refused
from functions.sources.infisical.rows import FolderAddress, Row

_REFERENCE = re.compile(r"\$\{([A-Za-z0-9\-_.@]+)\}")
_MOST_LEVELS = 10
_MOST_LOOKUPS = 1_000
_LARGEST_CHARACTERS = 1_048_576

Lookup = Callable[[FolderAddress, str], Row | None]
"""Find a key in a folder: None where either is missing, Refused where that cannot be known."""


def has_reference(value: str) -> bool:
    """Say whether the source would expand anything in `value`."""
    return _REFERENCE.search(value) is not None


def expand(row: Row, lookup: Lookup) -> SecretStr:
    """Return the value of `row` with its references replaced by what they refer to.

    What is missing, closes a circle or is nested more than ten deep stays literal; an existing empty
    target expands to nothing. Raises Refused, and what `lookup` raises, where a target is not known.
    """
    value = row.value.get_secret_value()
    if not has_reference(value):
        return row.value
    expanded = _Expansion(lookup).text(row, frozenset({(row.place, row.key)}))
    if row.quotes_lines and "\n" in expanded:
        expanded = '"' + expanded.replace("\n", "\\n") + '"'
    return SecretStr(expanded)


@dataclass
class _Expansion:
    lookup: Lookup
    lookups: int = field(default=0)

    def text(self, row: Row, above: frozenset[tuple[FolderAddress, str]]) -> str:
        text = row.value.get_secret_value()
        settled: set[str] = set()
        # Replacing a reference may complete another around it: ${dev.${REGION}.HOST}.
        for _ in range(_MOST_LEVELS):
            open_ = set(_REFERENCE.findall(text)) - settled
            if not open_:
                break
            settled |= open_
            for reference in sorted(open_):
                replacement = self._target(reference, row.place, above)
                if replacement is not None:
                    settled.update(_REFERENCE.findall(replacement))
                    text = self._bounded(text.replace(f"${{{reference}}}", replacement))
        return text

    def _target(
        self, reference: str, here: FolderAddress, above: frozenset[tuple[FolderAddress, str]]
    ) -> str | None:
        if len(above) > _MOST_LEVELS + 1:
            return None
        place, key = _address(reference, here)
        if (place, key) in above:
            return None
        self.lookups += 1
        if self.lookups > _MOST_LOOKUPS:
            raise Refused(f"it refers to more than {_MOST_LOOKUPS} secrets")
        target = self.lookup(place, key)
        return None if target is None else self.text(target, above | {(place, key)})

    def _bounded(self, text: str) -> str:
        if len(text) > _LARGEST_CHARACTERS:
            raise Refused(f"its references expand to more than {_LARGEST_CHARACTERS} characters")
        return text


def _address(reference: str, here: FolderAddress) -> tuple[FolderAddress, str]:
    first, *folders = reference.split(".")
    if not folders:
        return here, reference
    if first.startswith("@"):
        raise Refused(f"it refers to another project, which is not supported: {reference}")
    key = folders.pop()
    return (first, "/" + "/".join(folder for folder in folders if folder)), key
