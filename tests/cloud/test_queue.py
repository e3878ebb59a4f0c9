import pytest

from functions.calls.deadline import Gate
from functions.cloud.queue import Queue
from functions.errors import NotFound, Temporary
from functions.ports import QueueDepth
from infra.local.oci.cloud import QUEUE_ID
from infra.local.oci.queue import Queue as SimulatedQueue
from infra.local.oci.traffic import Fault
from tests.support.clouds import cloud_and_clients
from tests.support.virtual_time import VirtualClock

ENDPOINT = "https://cell-1.queue.messaging.eu-frankfurt-1.oci.oraclecloud.com"


class Bench:
    """A cloud, and the adapter under test opened on its queue."""

    def __init__(self, clock, cloud, clients):
        self.clock = clock
        self.cloud = cloud
        self.sim = cloud.queues
        self.clients = clients
        self.queue = self.open(QUEUE_ID)

    def open(self, queue_ocid):
        gate = Gate(self.clock, deadline=600)
        return Queue(self.clients.open(gate), queue_ocid, ENDPOINT)


@pytest.fixture
def bench():
    """A cloud with an empty queue."""
    clock = VirtualClock()
    with cloud_and_clients(clock) as (cloud, clients):
        yield Bench(clock, cloud, clients)


def test_more_messages_than_one_call_takes(bench):
    """Any number of messages is stored, twenty to a call."""
    bodies = [f'{{"n": {number}}}' for number in range(45)]
    bench.queue.put(bodies)
    assert bench.sim.contents(QUEUE_ID) == bodies
    assert bench.cloud.count("PutMessages") == 3


def test_nothing_to_put(bench):
    """Putting nothing calls nobody."""
    bench.queue.put([])
    assert bench.cloud.calls == []


def test_a_received_message_is_hidden(bench):
    """What is received is hidden for the time given, then delivered again, counted."""
    bench.queue.put(["job"])
    (first,) = bench.queue.receive(20, hide_seconds=60)
    assert (first.body, first.delivery_count) == ("job", 1)
    assert bench.queue.receive(20, hide_seconds=60) == []

    bench.clock.sleep(61)
    (second,) = bench.queue.receive(20, hide_seconds=60)
    assert (second.body, second.delivery_count) == ("job", 2)


def test_receiving_does_not_wait(bench):
    """An empty queue answers at once."""
    assert bench.queue.receive(5, hide_seconds=60) == []
    assert bench.clock.monotonic() == 0


def test_hiding_goes_on(bench):
    """A message being worked on is kept hidden, and put back by hiding it for no time."""
    bench.queue.put(["job"])
    (got,) = bench.queue.receive(1, hide_seconds=60)
    bench.clock.sleep(50)
    receipt = bench.queue.hide(got.receipt, 60)
    bench.clock.sleep(50)
    assert bench.queue.receive(1, hide_seconds=60) == []
    bench.queue.hide(receipt, 0)
    assert len(bench.queue.receive(1, hide_seconds=60)) == 1


def test_a_message_that_came_back_cannot_be_hidden(bench):
    """Hiding with a void receipt is NotFound: somebody else may have the message."""
    bench.queue.put(["job"])
    (got,) = bench.queue.receive(1, hide_seconds=60)
    bench.clock.sleep(61)
    with pytest.raises(NotFound):
        bench.queue.hide(got.receipt, 60)


def test_deleting_is_repeatable(bench):
    """A message is deleted once and for all; a void receipt is no error."""
    bench.queue.put(["job"])
    (got,) = bench.queue.receive(1, hide_seconds=60)
    bench.queue.delete(got.receipt)
    bench.queue.delete(got.receipt)
    assert bench.sim.contents(QUEUE_ID) == []


def test_the_depth_of_the_queue(bench):
    """The depth counts what waits, what is being worked on and what was given up."""
    bench.sim.add(QUEUE_ID, SimulatedQueue(max_deliveries=1))
    bench.queue.put(["a", "b", "c"])
    bench.queue.receive(1, hide_seconds=1)
    bench.clock.sleep(2)
    bench.queue.receive(1, hide_seconds=60)
    assert bench.queue.depth() == QueueDepth(visible=1, in_flight=1, dead=1)


def test_a_put_survives_passing_troubles(bench):
    """A put that the service refuses for the moment is tried again; twice stored is allowed."""
    bench.cloud.faults.append(Fault("PutMessages", status=429, code="TooManyRequests", times=2))
    bench.queue.put(["a"])
    bench.cloud.faults.append(Fault("PutMessages", drop="answer", times=1))
    bench.queue.put(["b"])
    assert bench.sim.contents(QUEUE_ID) == ["a", "b", "b"]


def test_a_queue_that_is_down(bench):
    """A put that cannot be stored is Temporary and names the queue."""
    bench.cloud.faults.append(Fault("PutMessages", status=500))
    with pytest.raises(Temporary, match=QUEUE_ID):
        bench.queue.put(["a"])


def test_a_queue_that_is_not_there(bench):
    """A missing queue or permission names the queue."""
    with pytest.raises(NotFound, match=r"queue ocid1\.queue\.x: absent, or not permitted"):
        bench.open("ocid1.queue.x").put(["a"])
