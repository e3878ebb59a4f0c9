"""Expansion of `${KEY}` and `${environment.folder.KEY}` in secret values. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from functions.errors import Refused
from functions.plan.naming import MAX_VALUE_BYTES
from functions.plan.written import short
from functions.sources.infisical.rows import FolderAddress, Row, is_foreign

_REFERENCE = re.compile(r"\$\{([A-Za-z0-9\-_.@]+)\}")
_MOST_LEVELS = 10
_MOST_TARGETS_A_KEY = 1_000
_MOST_CHARACTERS_A_READ = 16_000_000
"""A few seconds of work. No folder of people needs more."""
_TARGET_CHARACTERS = 100
"""What it costs to follow a reference, beside reading the text that it leads to."""

Lookup = Callable[[FolderAddress, str], Row | None]
"""Find a key in a folder: None where either is missing, Refused where that cannot be known."""
Target = tuple[FolderAddress, str]


def has_reference(value: str) -> bool:
    """Say whether the source would expand anything in `value`."""
    return _REFERENCE.search(value) is not None


@dataclass(frozen=True, slots=True)
class _Expanded:
    text: str
    levels: int = 0
    """How deep the references below it are nested."""
    is_cut: bool = False
    """Whether a circle or the most levels ended it: reached by another way it may read differently."""
    givers: Mapping[str, str | None] = field(default_factory=dict)
    """See SourceSecret.references."""


class Expander:
    """Expands the values of one read: each target once, within bounds, as long as `check` agrees.

    Whoever may edit one folder decides what refers to what. So the work for a key and for the whole read is
    bounded, whatever the references are.
    """

    def __init__(self, lookup: Lookup, check: Callable[[], None]) -> None:
        self._lookup = lookup
        self._check = check
        self._known: dict[Target, _Expanded] = {}
        self._targets_left = 0
        self.characters_left = _MOST_CHARACTERS_A_READ

    def expand(self, row: Row) -> tuple[SecretStr, Mapping[str, str | None]]:
        """Return the value of `row` with its references replaced, and which places gave their targets.

        What is missing, closes a circle or is nested more than ten deep stays literal; an existing empty
        target expands to nothing. Raises Refused beyond the bounds, and what `lookup` and `check` raise.
        """
        if not has_reference(row.value.get_secret_value()):
            return row.value, {}
        self._targets_left = _MOST_TARGETS_A_KEY
        expanded = self._text(row, ((row.place, row.key),))
        text = expanded.text
        if row.quotes_lines and "\n" in text:
            text = '"' + text.replace("\n", "\\n") + '"'
        return SecretStr(text), expanded.givers

    def _text(self, row: Row, way: tuple[Target, ...]) -> _Expanded:
        text = row.value.get_secret_value()
        levels, is_cut = 0, False
        givers: dict[str, str | None] = {}
        settled: set[str] = set()
        # Replacing a reference may complete another around it: ${dev.${REGION}.HOST}.
        for _ in range(_MOST_LEVELS):
            self._spend(len(text))
            parts = _REFERENCE.split(text)  # text, reference, text, reference, …, text
            found = {
                reference: self._follow(reference, row.place, way)
                for reference in dict.fromkeys(parts[1::2])
                if reference not in settled
            }
            if not found:
                break
            for reference, target in found.items():
                settled.update([reference], _REFERENCE.findall(target.text))
                levels = max(levels, target.levels + 1)
                is_cut |= target.is_cut
                self._spend(len(target.givers))
                givers.update(target.givers)
            parts[1::2] = [
                found[reference].text if reference in found else _literal(reference)
                for reference in parts[1::2]
            ]
            if sum(map(len, parts)) > MAX_VALUE_BYTES:
                raise Refused(
                    f"its references expand to more than the {MAX_VALUE_BYTES} bytes that OCI Vault takes"
                )
            text = "".join(parts)
        return _Expanded(text, levels, is_cut, givers)

    def _follow(self, reference: str, here: FolderAddress, way: tuple[Target, ...]) -> _Expanded:
        """Return what a reference stands for: itself, where it leads nowhere."""
        target = _target(reference, here)
        name = f"{target[0][0]}:{target[0][1]} {target[1]}"
        known = self._known.get(target)
        if known is not None and len(way) + known.levels <= _MOST_LEVELS + 1:
            return known
        if len(way) > _MOST_LEVELS + 1 or target in way:
            return _Expanded(_literal(reference), is_cut=True, givers={name: None})
        if not self._targets_left:
            raise Refused(f"it refers to more than {_MOST_TARGETS_A_KEY} secrets")
        self._targets_left -= 1
        self._spend(_TARGET_CHARACTERS)
        row = None if is_foreign(target[0]) else self._lookup(*target)
        if row is None:
            return _Expanded(_literal(reference), givers={name: None})
        found = self._text(row, (*way, target))
        giver = f"{row.place[0]}:{row.place[1]} {short(row.id)}".rstrip()
        expanded = replace(found, givers={**found.givers, name: giver})
        if not expanded.is_cut:
            self._known[target] = expanded
        return expanded

    def _spend(self, characters: int) -> None:
        self._check()
        if characters > self.characters_left:
            raise Refused("the references of the synced folder take too long to follow")
        self.characters_left -= characters


def _literal(reference: str) -> str:
    return f"${{{reference}}}"


def _target(reference: str, here: FolderAddress) -> Target:
    """Return what a reference names; `@project.env.path.KEY` is in another project and stays text."""
    first, *folders = reference.split(".")
    if not folders:
        return here, reference
    key = folders.pop()
    return (first, "/" + "/".join(folder for folder in folders if folder)), key
