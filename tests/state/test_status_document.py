"""Reading and changing a status document."""

from datetime import timedelta

import pytest

from functions.state.status import Status
from functions.state.status_document import StatusDocument
from tests.support.memory import MemoryStore
from tests.support.virtual_time import START, VirtualClock


@pytest.fixture
def store():
    """An empty store."""
    return MemoryStore("oci://b@n/p", VirtualClock())


def document(store):
    """Return the document of a sync."""
    return StatusDocument(store, "secret-syncs/p/a.json", store.clock, "me")


@pytest.mark.parametrize(("ahead_minutes", "stays"), [(-1, True), (4, True), (6, False)])
def test_a_clock_that_is_ahead(store, ahead_minutes, stays):
    """A time up to five minutes ahead may come from another clock that OCI accepts; a later one is nonsense."""
    at = START + timedelta(minutes=ahead_minutes)
    store.put("status/p/a.json", Status(verified_at=at).to_json())
    assert document(store).load().verified_at == (at if stays else None)
