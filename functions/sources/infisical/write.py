"""Writing secrets into an Infisical folder, in batches, each key with its own verdict."""

import json
from collections.abc import Iterator, Mapping

from functions.errors import Forbidden, NotFound, Refused, SourceMissing, Unauthorized
from functions.plan.models import Folder
from functions.sources.infisical.references import has_reference
from functions.sources.infisical.routes import Api
from functions.sources.infisical.rows import unique

_LARGEST_BATCH_BYTES = 900_000
"""The server takes bodies of 1 MiB."""
_LARGEST_BATCH = 100
_MOST_SPLITS = 40
# What JavaScript's trim() removes, which is not what Python's strip() removes.
_WHITE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)


def write(
    api: Api, folder: Folder, values: Mapping[str, str], *, replace: bool
) -> Mapping[str, str]:
    """Create `values`, with `replace` also update them; return what was not done: key -> why."""
    refused = {key: why for key, value in values.items() if (why := _foreseen(key, value))}
    possible = {key: value for key, value in values.items() if key not in refused}
    held = _own(api, folder)
    hidden = {key for key, value in held.items() if value is None} & possible.keys()
    refused |= dict.fromkeys(hidden, "the source holds the key already, and hides its value")
    possible = {key: value for key, value in possible.items() if key not in hidden}
    pending = {key: value for key, value in possible.items() if held.get(key) != value}
    known = {key: value for key, value in pending.items() if key in held}
    batches = _Batches(api, folder)
    batches.send("POST", {key: value for key, value in pending.items() if key not in known})
    if replace:
        batches.send("PATCH", known)
    else:
        refused |= dict.fromkeys(known, "the source holds the key already, with another value")
    if batches.refused:
        # A repeated request whose first answer was lost is refused although it was carried out.
        held = _own(api, folder)
        refused |= {k: why for k, why in batches.refused.items() if held.get(k) != values[k]}
    return refused


def _own(api: Api, folder: Folder) -> dict[str, str | None]:
    """Return what the folder holds itself, None for a value that is hidden."""
    rows = unique(api.secrets(folder).own).rows
    return {k: None if row.is_hidden else row.value.get_secret_value() for k, row in rows.items()}


def _foreseen(key: str, value: str) -> str | None:
    """Say why the source would refuse or alter this secret, None where it would not."""
    if not key.strip(_WHITE):
        return "the source takes no blank name"
    if key != key.strip(_WHITE):
        return "the source would trim the name"
    if ":" in key or "/" in key:
        return "the source takes no name with a colon or slash"
    if has_reference(value):
        return "the source would read ${…} in the value as a reference"
    stored = value.strip(_WHITE) + ("\n" if value.endswith("\n") else "")
    if value != stored:
        return "the source would trim white space around the value"
    return None


class _Batches:
    def __init__(self, api: Api, folder: Folder) -> None:
        self._api = api
        self._folder = folder
        self._splits_left = _MOST_SPLITS
        self.refused: dict[str, str] = {}

    def send(self, method: str, values: Mapping[str, str]) -> None:
        """Send `values` and add to `refused` what the source did not carry out as asked."""
        for batch in _batches(values):
            self._send(method, batch)

    def _send(self, method: str, batch: dict[str, str]) -> None:
        try:
            answer = self._api.write(method, self._folder, batch)
        except Unauthorized:
            raise
        except Refused as refusal:
            if isinstance(refusal, NotFound) and method == "POST":
                raise SourceMissing(
                    f"The source has no such folder to write to. ({refusal})"
                ) from None
            # The server takes all or nothing and does not reliably name the offender: look for it.
            if len(batch) == 1 or self._splits_left == 0:
                self.refused |= dict.fromkeys(batch, _reason(refusal))
                return
            self._splits_left -= 1
            items = list(batch.items())
            middle = len(items) // 2
            self._send(method, dict(items[:middle]))
            self._send(method, dict(items[middle:]))
            return
        if "approval" in answer:
            why = "the change waits for approval in the source; it is not applied yet"
            self.refused |= dict.fromkeys(batch, why)


def _reason(refusal: Refused) -> str:
    if isinstance(refusal, Forbidden):
        return f"this identity may not write it to the source ({refusal})"
    return f"the source refused it ({refusal})"


def _batches(values: Mapping[str, str]) -> Iterator[dict[str, str]]:
    batch: dict[str, str] = {}
    size = 0
    for key, value in values.items():
        more = len(json.dumps({"secretKey": key, "secretValue": value})) + 2
        if batch and (size + more > _LARGEST_BATCH_BYTES or len(batch) == _LARGEST_BATCH):
            yield batch
            batch, size = {}, 0
        batch[key] = value
        size += more
    if batch:
        yield batch
