"""The function's documents as the judge reads them: each once, as it reads the same ones again and again.

What is returned is shared: nobody changes it.
"""

from functools import lru_cache

from functions.state.memory import MAX_MEMORY_BYTES, Memory, memory_object
from functions.state.status import Status, parse_status
from functions.state.status_document import status_object

status_in = lru_cache(maxsize=64)(parse_status)
_memory_in = lru_cache(maxsize=64)(Memory.model_validate_json)


def status_of(store, config) -> Status | None:
    """Return the status that belongs to a config."""
    stored = store.get(status_object(config))
    return stored and status_in(stored.body)


def memory_of(store, config) -> Memory:
    """Return the memory that belongs to a config."""
    stored = store.get(memory_object(config), max_bytes=MAX_MEMORY_BYTES)
    return _memory_in(stored.body) if stored else Memory()
