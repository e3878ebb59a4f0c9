import dataclasses
import threading

import pytest
from pydantic import SecretStr

from functions.errors import InvalidSettings, Refused, Temporary
from functions.plan.models import Folder
from functions.sources import connect
from functions.sources.transport import Transport, proxy_of
from functions.version import VERSION
from infra.local.http import Answer
from infra.local.infisical.server import InfisicalServer
from tests.support.infisical import CREDENTIALS, FakeClock, gate, half, values
from tests.support.network import PATIENCE_SECONDS, PrivateCa, forward_proxy, went_through

APP = Folder("project", "dev", "/app")


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    """A private CA."""
    return PrivateCa(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def server():
    """A server with one secret, and the requests that it got."""
    server = InfisicalServer(FakeClock())
    server.url = server.start()
    server.source.set("dev", "/app", "A", "1")
    server.seen = []
    server.faults = server.seen.append
    yield server
    server.stop()


@pytest.fixture
def tls_url(server, ca):
    """The same server by TLS."""
    with ca.serving(server._serve) as url:
        yield url


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """A forward proxy that asks for a password: its port, and its log."""
    with forward_proxy(tmp_path_factory.mktemp("proxy"), "mary:geheim") as found:
        yield found


def read(server, url, transport=None, **credentials):
    """Read the folder by a new container."""
    known = dataclasses.replace(CREDENTIALS, **credentials)
    infisical = connect("infisical", url, lambda _renew: known, server.clock, half, transport)
    return values(infisical(gate(server.clock)).read(APP, sub_folders=False))


def test_a_private_ca(server, tls_url, ca):
    """A server whose certificate a private CA signed is read if that CA is named, else refused with advice."""
    assert read(server, tls_url, Transport(read_ca=lambda: ca.pem)) == {"A": "1"}
    with pytest.raises(Refused, match=r"not trusted.* SOURCE_CA_SECRET_OCID or SOURCE_CA_FILE"):
        read(server, tls_url)


def test_public_cas_still_count(server, ca):
    """A private CA is trusted besides the public ones, not in their place."""
    public = Transport(read_ca=lambda: ca.pem).pool(None).connection_pool_kw["ssl_context"]
    names = {
        dict(pair[0] for pair in one["subject"]).get("commonName") for one in public.get_ca_certs()
    }
    assert "Private CA" in names
    assert len(names) > 10


def test_a_renewed_ca_is_found(server, tls_url, ca, tmp_path):
    """A CA that was exchanged while the container is warm is read again after the first refusal."""
    trusted = [PrivateCa(tmp_path).pem]
    transport = Transport(read_ca=lambda: trusted[0])
    infisical = connect(
        "infisical", tls_url, lambda _renew: CREDENTIALS, server.clock, half, transport
    )

    def once():
        return values(infisical(gate(server.clock)).read(APP, sub_folders=False))

    with pytest.raises(Refused, match="not trusted"):
        once()
    trusted[0] = ca.pem
    assert once() == {"A": "1"}


@pytest.mark.parametrize("pem", [b"", b"\xff", b"no certificate", b"-----BEGIN CERTIFICATE-----\n"])
def test_what_is_no_certificate(server, tls_url, pem):
    """What is no certificate is an error of the settings, told without its content."""
    with pytest.raises(InvalidSettings, match="no certificate in PEM form"):
        read(server, tls_url, Transport(read_ca=lambda: pem))


@pytest.mark.parametrize("by_tls", [True, False])
def test_a_proxy_with_a_password(server, tls_url, ca, proxy, by_tls):
    """Every request goes through the proxy, with user and password for the proxy alone."""
    port, log = proxy
    url = tls_url if by_tls else server.url
    transport = Transport(proxy=f"http://mary@127.0.0.1:{port}", read_ca=lambda: ca.pem)
    assert read(server, url, transport, proxy_password=SecretStr("geheim")) == {"A": "1"}
    assert went_through(log, url)
    assert server.seen
    if by_tls:  # else it is the proxy's to take it away
        assert all(request.headers["proxy-authorization"] is None for request in server.seen)


@pytest.mark.parametrize("user", ["", "mary@"])
def test_a_proxy_that_asks_for_a_password(server, tls_url, ca, proxy, user):
    """A proxy that refuses user or password is named with what to set."""
    transport = Transport(proxy=f"http://{user}127.0.0.1:{proxy[0]}", read_ca=lambda: ca.pem)
    with pytest.raises(Refused, match=r"SOURCE_PROXY.*sourceProxyPassword"):
        read(server, tls_url, transport, proxy_password=SecretStr("wrong"))
    assert server.seen == []


def test_a_password_that_changes(server, tls_url, ca, proxy):
    """A new password for the proxy is used at once."""
    known = [dataclasses.replace(CREDENTIALS, proxy_password=SecretStr("old"))]
    transport = Transport(proxy=f"http://mary@127.0.0.1:{proxy[0]}", read_ca=lambda: ca.pem)
    infisical = connect(
        "infisical", tls_url, lambda _renew: known[0], server.clock, half, transport
    )
    with pytest.raises(Refused):
        infisical(gate(server.clock)).ping()
    known[0] = dataclasses.replace(CREDENTIALS, proxy_password=SecretStr("geheim"))
    infisical(gate(server.clock)).ping()


def test_a_proxy_that_is_not_there(server, tls_url, ca):
    """A proxy that does not answer is a temporary error that says so."""
    transport = Transport(proxy="http://127.0.0.1:9", read_ca=lambda: ca.pem)
    with pytest.raises(Temporary, match="no answer from the proxy"):
        read(server, tls_url, transport)


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ({"https_proxy": "p:1"}, "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example.com,other"}, None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "*"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "oraclecloud.com"}, "http://p:1"),
    ],
)
def test_the_environments_proxy(environment, proxy):
    """HTTPS_PROXY and NO_PROXY mean what they mean everywhere."""
    assert proxy_of("https://secrets.example.com/base", environment) == proxy


def test_a_proxy_of_the_environment_with_its_password(server, tls_url, ca, proxy):
    """A proxy's URL of the environment may hold the password, as it does everywhere."""
    url = proxy_of(tls_url, {"HTTPS_PROXY": f"http://mary:geheim@127.0.0.1:{proxy[0]}"})
    assert read(server, tls_url, Transport(proxy=url, read_ca=lambda: ca.pem)) == {"A": "1"}


def test_headers_for_a_door_before_the_source(server):
    """Each request carries the headers of the credentials, and none of its own is replaced by them."""
    door = {"CF-Access-Client-Id": SecretStr("id"), "CF-Access-Client-Secret": SecretStr("geheim")}

    def guard(request):
        server.seen.append(request)
        known = all(
            request.headers[name] == value.get_secret_value() for name, value in door.items()
        )
        return (
            None
            if known
            else Answer(403, b"<html>Access denied</html>", {"content-type": "text/html"})
        )

    server.faults = guard
    with pytest.raises(Refused) as refused:
        read(server, server.url)
    assert "geheim" not in str(refused.value)
    assert read(server, server.url, headers={**door, "user-agent": SecretStr("other")}) == {
        "A": "1"
    }


def test_the_function_says_who_it_is(server):
    """Every request names product and version."""
    read(server, server.url)
    assert {request.headers["user-agent"] for request in server.seen} == {
        f"oci-vault-sync/{VERSION}"
    }


@pytest.mark.parametrize("slug", [None, "acme"])
def test_the_organisation_at_the_login(server, slug):
    """The organisation's slug is part of the login where it is given, and of nothing else."""
    read(server, server.url, organization_slug=slug)
    login, *others = server.seen
    assert login.json().get("organizationSlug") == slug
    assert not any(b"organizationSlug" in request.body for request in others)


def test_patience(server):
    """A source that does not answer in time is a temporary error; the time is a setting."""
    server.latch = threading.Event()
    server.faults = lambda _request: server.latch.wait(PATIENCE_SECONDS) and None
    try:
        with pytest.raises(Temporary, match="ReadTimeoutError"):
            read(server, server.url, Transport(timeout_seconds=0.05))
    finally:
        server.latch.set()


def test_hanzo_kms_is_reached_the_same_way(server, tls_url, ca):
    """The other kind of source has the same certificates, headers and name."""
    known = dataclasses.replace(CREDENTIALS, headers={"X-Door": SecretStr("open")})
    kms = connect(
        "hanzo-kms",
        tls_url,
        lambda _renew: known,
        server.clock,
        half,
        Transport(read_ca=lambda: ca.pem),
    )
    with pytest.raises(Refused):
        kms(gate(server.clock)).ping()
    assert server.seen[0].headers["x-door"] == "open"
