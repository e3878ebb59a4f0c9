from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import oci
import pytest
from oci.queue import models

from infra.local.oci.cloud import BUCKET, NAMESPACE, QUEUE_ID
from tests.support.local_oci import client, refused


@pytest.fixture
def objects(cloud):
    """The SDK's client for objects."""
    return client(oci.object_storage.ObjectStorageClient, cloud)


@pytest.fixture
def queue(cloud):
    """The SDK's client for messages."""
    return client(oci.queue.QueueClient, cloud)


def test_an_object_is_written_read_and_deleted(clock, objects):
    """An object comes back as it was written, with its ETag and its time."""
    assert objects.get_namespace().data == NAMESPACE
    etag = objects.put_object(NAMESPACE, BUCKET, "a/b c+ä.json", b"{}").headers["etag"]
    got = objects.get_object(NAMESPACE, BUCKET, "a/b c+ä.json")
    assert (got.data.content, got.headers["etag"]) == (b"{}", etag)
    head = objects.head_object(NAMESPACE, BUCKET, "a/b c+ä.json")
    assert (head.headers["etag"], head.headers["content-length"]) == (etag, "2")
    objects.delete_object(NAMESPACE, BUCKET, "a/b c+ä.json")
    gone = (404, "ObjectNotFound")
    assert refused(objects.get_object, NAMESPACE, BUCKET, "a/b c+ä.json") == gone
    assert refused(objects.delete_object, NAMESPACE, BUCKET, "a/b c+ä.json") == gone


def test_conditional_calls_compare_etags(objects):
    """Writes and deletions for another revision answer 412, an unchanged read 304."""

    def put(**conditions):
        return objects.put_object(NAMESPACE, BUCKET, "x", b"x", **conditions).headers["etag"]

    assert refused(put, if_match="nothing") == (412, "IfMatchFailed")
    first = put(if_none_match="*")
    assert refused(put, if_none_match="*") == (412, "IfNoneMatchFailed")
    second = put(if_match=first)
    assert refused(put, if_match=first) == (412, "IfMatchFailed")
    assert refused(objects.get_object, NAMESPACE, BUCKET, "x", if_none_match=second)[0] == 304
    stale = refused(objects.delete_object, NAMESPACE, BUCKET, "x", if_match=first)
    assert stale == (412, "IfMatchFailed")
    objects.delete_object(NAMESPACE, BUCKET, "x", if_match=second)


def test_one_of_many_creators_wins(objects):
    """Of many creations at once exactly one succeeds."""

    def attempt(number):
        try:
            objects.put_object(NAMESPACE, BUCKET, "x", b"%d" % number, if_none_match="*")
        except oci.exceptions.ServiceError as error:
            return error.status
        return 200

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(attempt, range(8))) == [200, *[412] * 7]


def test_objects_are_listed_in_pages_by_prefix(cloud, objects):
    """A listing has the asked-for fields, sorted by name, and says where to go on."""
    for name in ("b/2", "a/1", "b/1", "b/3"):
        cloud.objects.put(BUCKET, name, b"x")

    def listed(**query):
        return objects.list_objects(NAMESPACE, BUCKET, prefix="b/", **query).data

    rows = listed(limit=2, fields="name,etag,timeModified,size")
    assert [row.name for row in rows.objects] == ["b/1", "b/2"]
    assert rows.objects[0].etag
    assert rows.objects[0].time_modified == cloud.clock.now()
    assert (rows.objects[0].size, rows.objects[0].md5) == (1, None)
    rest = listed(start=rows.next_start_with)
    assert ([row.name for row in rest.objects], rest.next_start_with) == (["b/3"], None)


def test_a_bucket_must_exist(objects):
    """An unknown bucket or namespace answers 404."""
    missing = (404, "BucketNotFound")
    assert refused(objects.put_object, NAMESPACE, "none", "x", b"") == missing
    assert refused(objects.list_objects, "none", BUCKET) == missing


def test_writes_of_objects_are_told(cloud, objects):
    """The hook hears of each object that a call writes."""
    told = []
    cloud.objects.on_write = lambda bucket, name: told.append((bucket, name))
    objects.put_object(NAMESPACE, BUCKET, "x", b"")
    assert told == [(BUCKET, "x")]


def put(queue, *contents):
    """Put messages on the queue."""
    entries = [models.PutMessagesDetailsEntry(content=content) for content in contents]
    return queue.put_messages(QUEUE_ID, models.PutMessagesDetails(messages=entries)).data.messages


def receive(queue, *, hidden=30, limit=20):
    """Receive what is visible, without a long poll."""
    options = {"visibility_in_seconds": hidden, "timeout_in_seconds": 0, "limit": limit}
    return queue.get_messages(QUEUE_ID, **options).data.messages


def hide(queue, receipt, seconds):
    """Set how long a message stays hidden."""
    details = models.UpdateMessageDetails(visibility_in_seconds=seconds)
    return queue.update_message(QUEUE_ID, receipt, details)


def test_a_received_message_is_hidden_for_a_while(clock, queue):
    """A message is delivered once, and again when its visibility ends, with another receipt."""
    put(queue, "one", "two")
    first = receive(queue)
    assert [(row.content, row.delivery_count) for row in first] == [("one", 1), ("two", 1)]
    assert first[0].id > 2**53
    assert receive(queue) == []
    hide(queue, first[0].receipt, 60)
    clock.sleep(30)
    again = receive(queue)
    assert [(row.content, row.delivery_count) for row in again] == [("two", 2)]
    assert again[0].receipt != first[1].receipt
    clock.sleep(30)
    assert [row.content for row in receive(queue, limit=1)] == ["one"]


def test_a_void_receipt_is_not_found(clock, queue):
    """A receipt is void when its message is visible again or gone."""
    put(queue, "one")
    (row,) = receive(queue)
    hide(queue, row.receipt, 0)
    assert refused(queue.delete_message, QUEUE_ID, row.receipt)[0] == 404
    (row,) = receive(queue)
    queue.delete_message(QUEUE_ID, row.receipt)
    assert refused(hide, queue, row.receipt, 10)[0] == 404


def test_batches_fail_in_part(queue):
    """A batch answers 200 and counts the entries that failed."""
    put(queue, "one", "two")
    good, other = receive(queue)
    entries = [
        models.DeleteMessagesDetailsEntry(receipt=good.receipt),
        models.DeleteMessagesDetailsEntry(receipt="void"),
    ]
    done = queue.delete_messages(QUEUE_ID, models.DeleteMessagesDetails(entries=entries)).data
    assert done.client_failures == 1
    assert [row.error_code for row in done.entries] == [None, 404]
    entries = [models.UpdateMessagesDetailsEntry(receipt=other.receipt, visibility_in_seconds=0)]
    done = queue.update_messages(QUEUE_ID, models.UpdateMessagesDetails(entries=entries)).data
    assert (done.client_failures, len(receive(queue))) == (0, 1)


def test_a_message_delivered_too_often_is_dead(clock, cloud, queue):
    """After the most deliveries a message is a dead letter, and counted so."""
    cloud.queues.get(QUEUE_ID).max_deliveries = 2
    put(queue, "poison")
    for _ in range(2):
        assert len(receive(queue)) == 1
        clock.sleep(30)
    assert receive(queue) == []
    stats = queue.get_stats(QUEUE_ID).data
    assert (stats.queue.visible_messages, stats.dlq.visible_messages) == (0, 1)


def test_stats_tell_visible_from_hidden(queue):
    """Statistics count visible and hidden messages, and bytes."""
    put(queue, "one", "two", "three")
    receive(queue, limit=1)
    stats = queue.get_stats(QUEUE_ID).data.queue
    assert (stats.visible_messages, stats.in_flight_messages) == (2, 1)
    assert stats.size_in_bytes == 11


def test_messages_expire(clock, cloud, queue):
    """A message is gone when the queue's retention ends."""
    put(queue, "one")
    clock.sleep(timedelta(days=1).total_seconds())
    assert receive(queue) == []
    assert cloud.queues.contents(QUEUE_ID) == []


def test_a_queue_has_limits(queue):
    """Too many or too large messages, and an unknown queue, are refused."""
    assert refused(put, queue, *["x"] * 21) == (400, "InvalidParameter")
    assert refused(put, queue, "x" * 128 * 1024 + "x") == (400, "InvalidParameter")
    assert refused(put, queue, *["x" * 128 * 1024] * 5) == (400, "InvalidParameter")
    assert refused(receive, queue, limit=21) == (400, "InvalidParameter")
    assert refused(queue.get_stats, "ocid1.queue.oc1.x.none")[0] == 404


def test_a_long_poll_ends(clock, queue):
    """A poll without messages waits a little and answers an empty list."""
    assert queue.get_messages(QUEUE_ID).data.messages == []
    assert 0.9 < clock.monotonic() < 1.1
