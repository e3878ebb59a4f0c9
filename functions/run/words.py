"""Many names and reasons in few words."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

MAX_NAMES = 5
MAX_NAMES_CHARACTERS = 300
_REQUEST_ID = re.compile(r" \(opc-request-id [^)]*\)")


def names_of(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    shown = list(names[:MAX_NAMES])
    while len(shown) > 1 and len(", ".join(shown)) > MAX_NAMES_CHARACTERS:
        shown.pop()
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def grouped(errors: Mapping[str, str]) -> list[str]:
    """Return one line a reason, with the names that share it; reasons of most names come first."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, why in sorted(errors.items()):
        names[_without_its_own(name, why)].append(name)
    ranked = sorted(names.items(), key=lambda row: -len(row[1]))
    return [
        f"{shared[0]}: {errors[shared[0]]}" if len(shared) == 1 else f"{names_of(shared)}: {why}"
        for why, shared in ranked
    ]


def _without_its_own(name: str, why: str) -> str:
    """Return a reason without what differs for each name: the name itself, and the id of a request."""
    return re.sub(rf"\bsecret {re.escape(name)}(?![\w.-])", "the secret", _REQUEST_ID.sub("", why))
