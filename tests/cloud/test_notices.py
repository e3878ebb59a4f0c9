import json
from datetime import datetime

import pytest

from functions.calls.deadline import Gate
from functions.cloud.invoke import Function
from functions.cloud.notices import MOST_UNPOSTED, Notices, Unposted
from functions.errors import DeadlineReached, NotFound, Temporary
from infra.local.oci.cloud import COMPARTMENT_ID, FUNCTION_ID, TOPIC_ID
from infra.local.oci.traffic import Fault
from tests.support.clouds import cloud_and_clients
from tests.support.virtual_time import VirtualClock


@pytest.fixture
def cloud_clients():
    """A cloud and clients for it."""
    with cloud_and_clients(VirtualClock()) as both:
        yield both


def a_gate():
    """A minute of virtual time."""
    return Gate(VirtualClock(), deadline=60)


def notifier(clients, **options):
    """The notifier under test, for one invocation."""
    return Notices(clients.open(a_gate()), **options)


def test_a_notice_is_published(cloud_clients):
    """A notice goes to the topic with its subject."""
    cloud, clients = cloud_clients
    notifier(clients, topic_ocid=TOPIC_ID).notify("payments failed", "KEY: refused")
    assert cloud.watch.notices == [(TOPIC_ID, "payments failed", "KEY: refused")]


def test_a_long_notice_is_cut(cloud_clients):
    """A text that Notifications would refuse for its size is cut between characters."""
    cloud, clients = cloud_clients
    notifier(clients, topic_ocid=TOPIC_ID).notify("subject", "x" + "é" * 60_000)
    assert cloud.watch.notices[0].body == "x" + "é" * 29_999


def test_metrics_are_posted_in_batches(cloud_clients):
    """Metrics go to the function's compartment with their dimensions, fifty to a call."""
    cloud, clients = cloud_clients
    metrics = {f"metric_{number}": float(number) for number in range(60)}
    notifier(clients, namespace="vault_sync").count(metrics, {"sync": "payments"})
    assert cloud.count("PostMetricData") == 2
    row = cloud.watch.metrics[7]
    assert (row["name"], row["datapoints"][0]["value"]) == ("metric_7", 7.0)
    assert row["namespace"] == "vault_sync"
    assert row["compartmentId"] == COMPARTMENT_ID
    assert row["dimensions"] == {"sync": "payments"}


@pytest.mark.parametrize(
    ("status", "rest_seconds", "posted"),
    [(429, 60, ["early", "late"]), (500, 7_000, ["late"]), (400, 60, ["late"])],
)
def test_metrics_that_could_not_be_posted(cloud_clients, status, rest_seconds, posted):
    """They are posted by the next invocation with their own time, unless they are refused or too old."""
    cloud, clients = cloud_clients
    unposted = Unposted()
    began_at = clients.clock.now()
    cloud.faults.append(Fault("PostMetricData", status=status))
    notifier(clients, namespace="vault_sync", unposted=unposted).count({"early": 1}, {"a": "b"})
    assert cloud.watch.metrics == []
    cloud.faults.clear()
    clients.clock.sleep(rest_seconds)
    notifier(clients, namespace="vault_sync", unposted=unposted).count({"late": 1}, {"a": "b"})
    assert [row["name"] for row in cloud.watch.metrics] == posted
    at = datetime.fromisoformat(cloud.watch.metrics[0]["datapoints"][0]["timestamp"])
    assert at == (began_at if "early" in posted else clients.clock.now())
    assert not unposted


def test_metrics_that_are_kept_are_few(cloud_clients):
    """Where Monitoring is down for long, the newest metrics wait, and no more than fit into ten calls."""
    cloud, clients = cloud_clients
    cloud.faults.append(Fault("PostMetricData", status=500))
    unposted = Unposted()
    for number in range(MOST_UNPOSTED + 1):
        metrics = notifier(clients, namespace="vault_sync", unposted=unposted)
        metrics.count({f"metric_{number}": 1}, {"a": "b"})
    assert (len(unposted), unposted[0].name) == (MOST_UNPOSTED, "metric_1")


def test_without_a_topic_or_namespace_nothing_is_sent(cloud_clients):
    """What is not configured is not called."""
    cloud, clients = cloud_clients
    notifier(clients).notify("subject", "text")
    notifier(clients).count({"runs": 1}, {})
    assert cloud.calls == []


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "NotFound"), (429, "Throttled"), (500, "Temporary")]
)
@pytest.mark.parametrize("use", ["notify", "count"])
def test_a_failing_notice_holds_nobody_up(cloud_clients, caplog, status, kind, use):
    """A notice that cannot be sent is tried once, logged by type, never raises, and ends the tries."""
    cloud, clients = cloud_clients
    cloud.faults.append(Fault("*", status=status, headers={"retry-after": "60"}))
    both = notifier(clients, topic_ocid=TOPIC_ID, namespace="vault_sync")
    for _ in range(3):
        if use == "count":
            both.count({"runs": 1}, {})
        assert not both.notify("subject", "text")
    assert [line.split(":")[1].strip() for line in caplog.messages] == [kind]
    assert (len(cloud.calls), clients.clock.seconds) == (1, 0)


def test_slow_notices_hold_nobody_up(cloud_clients):
    """Where each notice takes long, an invocation sends a few and leaves the others to the next."""
    cloud, clients = cloud_clients
    cloud.latency_seconds = 0.9
    told = notifier(clients, topic_ocid=TOPIC_ID)
    assert [told.notify("subject", "text") for _ in range(10)].count(True) == 4
    assert clients.clock.seconds < 4
    assert notifier(clients, topic_ocid=TOPIC_ID).notify("subject", "text")


def test_without_time_nothing_is_told(cloud_clients):
    """After the deadline of the invocation nobody is told anything, and the caller knows."""
    cloud, clients = cloud_clients
    late = Notices(clients.open(Gate(VirtualClock(), deadline=0)), topic_ocid=TOPIC_ID)
    assert not late.notify("subject", "text")
    assert cloud.calls == []


def test_a_detached_worker_is_started(cloud_clients):
    """The function starts itself detached, and looks up its invoke endpoint once."""
    cloud, clients = cloud_clients
    started = []
    cloud.functions.on_invoke = lambda *call: started.append(call) or b""
    for _ in range(2):
        Function(clients.open(a_gate()), FUNCTION_ID).start({"command": "drain"})
    assert [(ocid, json.loads(body), detached) for ocid, body, detached in started] == [
        (FUNCTION_ID, {"command": "drain"}, True)
    ] * 2
    assert cloud.count("GetFunction") == 1


def test_a_worker_that_cannot_be_started_is_told(cloud_clients):
    """A missing function or permission is NotFound, trouble is Temporary, no time is told."""
    cloud, clients = cloud_clients
    with pytest.raises(NotFound, match=r"function ocid1\.fnfunc\.x: absent"):
        Function(clients.open(a_gate()), "ocid1.fnfunc.x").start({})
    cloud.faults.append(Fault("InvokeFunction", status=500))
    with pytest.raises(Temporary):
        Function(clients.open(a_gate()), FUNCTION_ID).start({})
    with pytest.raises(DeadlineReached):
        Function(clients.open(Gate(VirtualClock(), deadline=0)), FUNCTION_ID).start({})
