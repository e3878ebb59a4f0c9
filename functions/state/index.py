"""The contents of many small objects in one: a container that just started need not read each.

Each content counts only for the ETag that it was read with, and the listing of the moment says which that is.
So an index that is old, lost, or written by two at once is never wrong: it only helps less.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from logging import getLogger

from pydantic import TypeAdapter, ValidationError

from functions.errors import SyncError
from functions.ports import ConfigStore, Entry

MAX_INDEX_BYTES = 4_000_000
_CONTENTS = TypeAdapter(dict[str, tuple[str, str]])
log = getLogger(__name__)


class Index:
    """The index objects of one kind, one a project. No method raises: what fails is read by itself.

    Up to `few` objects of a project are read one by one, without an index.
    """

    def __init__(self, store: ConfigStore, kind: str, few: int) -> None:
        self._store = store
        self._kind = kind
        self._few = few

    def contents_of(self, entries: Iterable[Entry]) -> dict[str, str]:
        """Return the contents, by name, of those of the objects that are as they were when it was written."""
        found: dict[str, str] = {}
        for project, group in self._large(entries).items():
            known = self._load(self._name(project))
            for entry in group:
                etag, content = known.get(entry.name, ("", ""))
                if etag == entry.etag:
                    found[entry.name] = content
        return found

    def save(self, entries: Iterable[Entry], contents: Iterable[tuple[str, str, str]]) -> None:
        """Where many of `entries` had to be read, write the contents: name, ETag, text of each."""
        projects = self._large(entries)
        listed = list(contents) if projects else []
        for project in projects:
            own = {name: it for name, *it in listed if name.split("/")[1] == project}
            body = json.dumps(own, separators=(",", ":")).encode()
            if len(body) <= MAX_INDEX_BYTES:
                try:
                    self._store.put(self._name(project), body)
                except SyncError as error:
                    log.warning("%s of project %s is not indexed: %s", self._kind, project, error)

    def _name(self, project: str) -> str:
        return f"index/{project}/{self._kind}.json"

    def _load(self, name: str) -> Mapping[str, tuple[str, str]]:
        try:
            stored = self._store.get(name, max_bytes=MAX_INDEX_BYTES)
            return _CONTENTS.validate_json(stored.body) if stored else {}
        except (SyncError, ValidationError):
            return {}

    def _large(self, entries: Iterable[Entry]) -> dict[str, list[Entry]]:
        """Return the objects by project, of projects with more than a few."""
        groups: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            groups[entry.name.split("/")[1]].append(entry)
        return {project: group for project, group in groups.items() if len(group) > self._few}
