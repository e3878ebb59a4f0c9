"""One contract, two stores: OCI's native API (simulated) and S3 (moto's server)."""

import gzip
import random
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from functions.calls.deadline import Gate
from functions.calls.retry import Retrying
from functions.cloud.clients import Clients
from functions.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    InvalidSettings,
    NotFound,
    Refused,
    Temporary,
    Unauthorized,
)
from functions.ports import ABSENT, MAX_OBJECT_BYTES, Stored
from functions.stores.bucket_url import parse_bucket_url
from functions.stores.oci import OciStore
from functions.stores.s3 import S3, S3Store, s3_client
from infra.local.http import Answer
from infra.local.oci.cloud import BUCKET, NAMESPACE
from infra.local.oci.traffic import Fault
from tests.support.clouds import cloud_and_clients, function_identity
from tests.support.network import PrivateCa
from tests.support.virtual_time import VirtualClock

PAGE_ROWS = 7
STRANGE_ETAG = '"11111111111111111111111111111111"'


class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


@contextmanager
def serving(app):
    """Serve one request at a time: moto checks a condition and writes in two steps."""
    server = make_server("127.0.0.1", 0, app, threaded=False, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def moto_client():
    """A client of a moto server, set up by boto3's own variables; the pages are small."""
    app = DomainDispatcherApplication(create_backend_app)
    with pytest.MonkeyPatch.context() as env, serving(app) as url:
        set_up_boto3(env, url)
        env.setenv("MOTO_S3_DEFAULT_MAX_KEYS", str(PAGE_ROWS))
        yield s3_client()


def set_up_boto3(env, url):
    """Set the variables that a user would set."""
    env.setenv("AWS_ENDPOINT_URL_S3", url)
    env.setenv("AWS_ACCESS_KEY_ID", "test")
    env.setenv("AWS_SECRET_ACCESS_KEY", "test")
    env.setenv("AWS_REGION", "us-east-1")
    env.setenv("AWS_DEFAULT_REGION", "us-east-1")


def a_gate():
    """A minute of virtual time."""
    return Gate(VirtualClock(), deadline=60)


def new_bucket(client):
    """Create an S3 bucket; return its name."""
    name = f"bucket-{random.randrange(10**9)}"
    client.create_bucket(Bucket=name)
    return name


def s3_store(url, client):
    """The store at this URL; `client` is boto3's, or a service that was used before."""
    s3 = client if isinstance(client, S3) else S3(client, random.random)
    return S3Store(parse_bucket_url(url), s3, Retrying(a_gate(), random.random))


@pytest.fixture(params=["oci", "s3"])
def store(request, moto_client):
    """Either store, empty."""
    if request.param == "s3":
        url = f"s3://{new_bucket(moto_client)}/team/a"
        yield s3_store(url, moto_client)
        return
    with cloud_and_clients(VirtualClock(), page_size=PAGE_ROWS) as (_, clients):
        url = f"oci://{BUCKET}@{NAMESPACE}/team/a"
        yield OciStore(parse_bucket_url(url), clients.open(a_gate()))


def test_what_is_put_can_be_got(store):
    """An object is read as it was written, with the ETag that writing returned."""
    etag = store.put("status/p/a.json", b"\x00{}")
    stored = store.get("status/p/a.json")
    assert stored.body == b"\x00{}"
    assert stored.etag == etag


def test_an_absent_object_is_none(store):
    """Getting what is not there is no error."""
    assert store.get("status/p/none.json") is None


def test_create_only(store):
    """With ABSENT only the first write wins."""
    store.put("a", b"1", if_match=ABSENT)
    with pytest.raises(Conflict, match="object a"):
        store.put("a", b"2", if_match=ABSENT)
    assert store.get("a").body == b"1"


def test_compare_and_swap(store):
    """With an ETag a write wins exactly if nobody wrote in between."""
    first = store.put("a", b"1")
    second = store.put("a", b"2", if_match=first)
    assert second != first
    with pytest.raises(Conflict):
        store.put("a", b"3", if_match=first)
    assert store.get("a").body == b"2"


def test_compare_and_swap_of_what_is_gone(store):
    """A write that expects an object loses where it is gone."""
    etag = store.put("a", b"1")
    store.delete("a")
    with pytest.raises(Conflict):
        store.put("a", b"2", if_match=etag)
    assert store.get("a") is None


def test_overwriting(store):
    """Without an expectation the last write wins."""
    store.put("a", b"1")
    etag = store.put("a", b"2")
    assert store.get("a").etag == etag


def test_deleting(store):
    """Deleting is repeatable, and with an ETag spares what somebody else wrote."""
    store.put("a", b"1")
    with pytest.raises(Conflict):
        store.delete("a", if_match=STRANGE_ETAG)
    etag = store.get("a").etag
    store.delete("a", if_match=etag)
    store.delete("a", if_match=etag)
    store.delete("a")
    assert store.get("a") is None


@pytest.mark.parametrize("size", [0, 1, MAX_OBJECT_BYTES, MAX_OBJECT_BYTES + 1, 3_000_000])
def test_an_object_that_is_too_large_is_not_read(store, size):
    """An object of up to 64 KB is read whole, of a larger one only that it is there; more calls follow."""
    etag = store.put("a", b"x" * size)
    stored = store.get("a")
    is_too_large = size > MAX_OBJECT_BYTES
    assert stored == Stored(b"" if is_too_large else b"x" * size, etag, is_too_large)
    if is_too_large:
        with pytest.raises(InvalidInput, match=r"^a: is larger than 65536 bytes$"):
            stored.whole("a")
    store.put("b", b"1")
    assert store.get("b").whole("b") == b"1"


def test_an_object_that_is_small_only_until_it_is_unpacked():
    """An object that unpacks to much more than it has is too large too, and is not unpacked to its end."""
    packed = gzip.compress(bytes(40_000_000))
    assert len(packed) < MAX_OBJECT_BYTES

    def server(_environ, start_response):
        length = ("Content-Length", str(len(packed)))
        start_response("200 OK", [("etag", "x"), ("Content-Encoding", "gzip"), length])
        return [packed]

    identity, _ = function_identity()
    with serving(server) as url:
        clients = Clients(identity, VirtualClock(), lambda: 0.5, url)
        store = OciStore(parse_bucket_url("oci://bucket@namespace"), clients.open(a_gate()))
        tracemalloc.start()
        assert store.get("x") == Stored(b"", "x", is_too_large=True)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 20_000_000


def test_listing(store):
    """A listing holds the names below a prefix, sorted, with ETags that compare and swap."""
    for name in ("secret-syncs/p/b.json", "secret-syncs/p/a.json", "secret-syncs/q/c.json", "z"):
        store.put(name, name.encode())
    rows = store.list("secret-syncs/p/")
    assert [row.name for row in rows] == ["secret-syncs/p/a.json", "secret-syncs/p/b.json"]
    assert len(store.list("")) == 4
    assert store.list("none/") == []
    assert rows[0].modified.tzinfo is not None
    assert rows[0].size == len(rows[0].name)
    store.put("secret-syncs/p/a.json", b"2", if_match=rows[0].etag)


def test_a_listing_goes_over_pages(store):
    """A listing longer than a page is whole."""
    names = [f"many/{number:04}" for number in range(3 * PAGE_ROWS + 1)]
    for name in names:
        store.put(name, b"")
    assert [row.name for row in store.list("many/")] == names


@pytest.mark.parametrize("first", [True, False])
def test_of_racing_writers_exactly_one_wins(store, first):
    """Of writers that expect the same, exactly one wins."""
    expected = ABSENT if first else store.put("lease", b"free")
    start = threading.Barrier(8)

    def write(number):
        start.wait()
        try:
            return store.put("lease", b"%d" % number, if_match=expected)
        except Conflict:
            return None

    with ThreadPoolExecutor(8) as pool:
        won = [etag for etag in pool.map(write, range(8)) if etag]
    assert won == [store.get("lease").etag]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("oci://b@n", "oci://b@n"),
        ("oci://b@n/", "oci://b@n"),
        ("oci://b@n/a/b/", "oci://b@n/a/b"),
    ],
)
def test_the_address_of_a_store_has_one_form(given, url):
    """Slashes at the end make no other store: ids of syncs depend on its address."""
    assert parse_bucket_url(given).text == url


def test_the_address_of_an_s3_store_has_one_form():
    """The same for S3."""
    assert parse_bucket_url("s3://b/").text == "s3://b"
    assert parse_bucket_url("s3://b/a/").text == "s3://b/a"


@pytest.mark.parametrize("url", ["oci://b", "oci://b@", "oci:b@n", "https://b@n/x"])
def test_a_wrong_address_is_told(url):
    """An address that cannot be one names the setting and the form."""
    with pytest.raises(InvalidSettings, match=r"CONFIG_STORE.*oci://BUCKET@NAMESPACE/PREFIX"):
        parse_bucket_url(url)


def test_a_bucket_that_is_now_and_then_not_found():
    """A good bucket that the service does not see now and then is asked for again."""
    with cloud_and_clients(VirtualClock()) as (cloud, clients):
        store = OciStore(parse_bucket_url(f"oci://{BUCKET}@{NAMESPACE}"), clients.open(a_gate()))
        cloud.faults.append(Fault("*", status=404, code="BucketNotFound", times=2))
        store.put("a", b"1")
        cloud.faults.append(Fault("*", status=404, code="BucketNotFound", times=2))
        assert store.get("a").body == b"1"


def test_a_bucket_that_is_not_there():
    """A bucket that stays away is an error that names it, and never looks like an empty one."""
    with cloud_and_clients(VirtualClock()) as (_, clients):
        store = OciStore(parse_bucket_url(f"oci://nowhere@{NAMESPACE}"), clients.open(a_gate()))
        for use in (lambda: store.get("a"), lambda: store.list(""), lambda: store.put("a", b"")):
            with pytest.raises(NotFound, match="bucket nowhere: absent, or not permitted"):
                use()


def test_a_refusal_of_permission_never_looks_like_an_absent_object():
    """Only where the service says that the object is missing it counts as absent."""
    with cloud_and_clients(VirtualClock()) as (cloud, clients):
        store = OciStore(parse_bucket_url(f"oci://{BUCKET}@{NAMESPACE}"), clients.open(a_gate()))
        cloud.faults.append(Fault("*", status=404, code="NotAuthorizedOrNotFound"))
        with pytest.raises(NotFound):
            store.get("a")
        with pytest.raises(NotFound):
            store.delete("a")


def test_after_a_lost_answer_ones_own_write_looks_like_a_conflict():
    """A conditional write whose answer got lost conflicts with itself; reading back tells."""
    with cloud_and_clients(VirtualClock()) as (cloud, clients):
        store = OciStore(parse_bucket_url(f"oci://{BUCKET}@{NAMESPACE}"), clients.open(a_gate()))
        cloud.faults.append(Fault("PutObject", drop="answer", times=1))
        with pytest.raises(Conflict):
            store.put("a", b"mine", if_match=ABSENT)
        assert store.get("a").body == b"mine"


class Changed:
    """A WSGI app, and what a test changes about it."""

    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.without = []
        self.only_on = None
        self.answer = None

    def __call__(self, environ, start_response):
        if self.answer:
            status, code = self.answer
            start_response(f"{status} X", [("Content-Type", "application/xml")])
            return [f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()]
        if self.only_on in (None, environ["REQUEST_METHOD"]):
            for header in self.without:
                environ.pop(f"HTTP_{header}", None)
        return self.moto(environ, start_response)


@pytest.fixture(scope="module")
def odd_s3():
    """An S3 that a test makes odd, and its client."""
    app = Changed()
    with pytest.MonkeyPatch.context() as env, serving(app) as url:
        set_up_boto3(env, url)
        yield app, s3_client()


@pytest.mark.parametrize(
    ("ignored", "only_on", "named"),
    [
        ("IF_NONE_MATCH", None, "If-None-Match on PUT"),
        ("IF_MATCH", None, "If-Match on PUT, If-Match on DELETE"),
        ("IF_MATCH", "DELETE", "If-Match on DELETE"),
    ],
)
def test_an_s3_without_conditional_writes_is_refused(odd_s3, ignored, only_on, named):
    """An S3 that ignores conditions is found out at first use, and nothing is left behind."""
    app, client = odd_s3
    app.answer, app.without, app.only_on = None, [ignored], only_on
    bucket = new_bucket(client)
    with pytest.raises(InvalidSettings, match=f"CONFIG_STORE.* not honour {named},"):
        s3_store(f"s3://{bucket}", client)
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_an_s3_is_proven_once(moto_client):
    """A container proves its S3 once, and leaves nothing behind."""
    bucket = new_bucket(moto_client)
    s3 = S3(moto_client, random.random)
    assert s3_store(f"s3://{bucket}", s3).list("") == []
    moto_client.delete_bucket(Bucket=bucket)
    s3_store(f"s3://{bucket}", s3)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "SignatureDoesNotMatch", Unauthorized),
        (403, "AccessDenied", Forbidden),
        (404, "NoSuchBucket", NotFound),
        (503, "SlowDown", Temporary),
        (500, "InternalError", Temporary),
        (409, "ConditionalRequestConflict", Temporary),
    ],
)
def test_errors_of_s3_are_told_apart(odd_s3, status, code, error):
    """A refusal of S3 becomes the right error and names the bucket."""
    app, client = odd_s3
    app.answer = (status, code)
    with pytest.raises(error, match=f"bucket b.*{code}"):
        s3_store("s3://b", client)


def test_an_s3_that_does_not_answer_is_temporary(monkeypatch):
    """No answer at all may be different in a moment."""
    set_up_boto3(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(Temporary, match="no answer"):
        s3_store("s3://b", s3_client())


def test_boto3_without_keys_is_told(monkeypatch, tmp_path):
    """Missing keys are a matter of settings."""
    set_up_boto3(monkeypatch, "http://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(InvalidSettings, match="AWS_ACCESS_KEY_ID"):
        s3_store("s3://b", s3_client())


def test_a_wrong_s3_endpoint_is_told(monkeypatch):
    """An endpoint that is no URL is a matter of settings too."""
    set_up_boto3(monkeypatch, "not a url")
    with pytest.raises(InvalidSettings, match="AWS_ENDPOINT_URL_S3"):
        s3_client()


def test_a_body_that_breaks_off():
    """An object whose body breaks off in the middle is no answer: it is asked for again, then Temporary."""

    def broken(_environ, start_response):
        start_response("200 OK", [("etag", "x"), ("Content-Length", "100")])
        return [b"only the beginning"]

    identity, _ = function_identity()
    clock = VirtualClock()
    with serving(broken) as url:
        clients = Clients(identity, clock, lambda: 0.5, url)
        store = OciStore(parse_bucket_url("oci://bucket@namespace"), clients.open(a_gate()))
        with pytest.raises(Temporary, match="object x of bucket bucket: no answer from OCI"):
            store.get("x")


def page(environ, start_response):
    """Stand for a proxy: a page, whatever was asked for."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("content-type", "text/html")])
    return [b"<html></html>"]


@pytest.mark.parametrize(
    "use", [lambda s: s.list(""), lambda s: s.get("a"), lambda s: s.put("a", b"1")]
)
def test_a_page_in_front_of_s3(monkeypatch, use):
    """A page in the place of S3's answer is trouble that may pass: no empty list, no write that is done."""
    with serving(page) as url:
        set_up_boto3(monkeypatch, url)
        s3 = S3(s3_client(), random.random, is_proven=True)
        with pytest.raises(Temporary, match="answer cannot be used"):
            use(s3_store("s3://bucket/x", s3))


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_of_s3(monkeypatch, name):
    """Either variable alone says for which region requests are signed."""
    signed = []

    def app(environ, start_response):
        signed.append(environ["HTTP_AUTHORIZATION"])
        return page(environ, start_response)

    with serving(app) as url:
        set_up_boto3(monkeypatch, url)
        monkeypatch.delenv("AWS_REGION")
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        monkeypatch.setenv(name, "eu-frankfurt-1")
        with pytest.raises(Temporary):
            s3_store("s3://bucket/x", S3(s3_client(), random.random, is_proven=True)).get("a")
    assert "/eu-frankfurt-1/s3/aws4_request" in signed[0]


def test_a_certificate_of_s3_that_is_not_trusted(monkeypatch, tmp_path):
    """An S3 service with a private CA is told at once, with the variable that names the CA."""
    with PrivateCa(tmp_path).serving(lambda _: Answer(200)) as url:
        set_up_boto3(monkeypatch, url)
        with pytest.raises(Refused, match=r"is not trusted.*AWS_CA_BUNDLE"):
            s3_store("s3://bucket/x", S3(s3_client(), random.random, is_proven=True)).get("a")
