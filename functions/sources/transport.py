"""The way to the secret manager: whom it trusts, through which proxy, and how long it waits."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import urllib3
from pydantic import SecretStr

from functions.calls.deadline import CALL_TIMEOUT_SECONDS
from functions.errors import InvalidSettings, Refused, SyncError, Temporary
from functions.version import VERSION

USER_AGENT = f"oci-vault-sync/{VERSION}"


@dataclass(frozen=True, slots=True)
class Transport:
    """How the source is reached; the certificates and the proxy's password count for nothing else."""

    timeout_seconds: float = CALL_TIMEOUT_SECONDS
    proxy: str | None = None
    """Its URL, perhaps with a user name; or, from the environment, with a password too."""
    read_ca: Callable[[], bytes] | None = None
    """Returns the PEM of certificates that are trusted besides the public ones."""

    def pool(self, proxy_password: SecretStr | None) -> urllib3.PoolManager:
        """Return new connections. Raises InvalidSettings, Temporary."""
        timeout = urllib3.Timeout(total=self.timeout_seconds)
        trust = self._trust()
        if self.proxy is None:
            return urllib3.PoolManager(timeout=timeout, ssl_context=trust)
        place = urlsplit(self.proxy)
        headers = {}
        if place.username:
            password = unquote(place.password or "")
            if proxy_password is not None:
                password = proxy_password.get_secret_value()
            login = f"{unquote(place.username)}:{password}"
            headers = urllib3.make_headers(proxy_basic_auth=login)
        url = place._replace(netloc=place.netloc.rpartition("@")[2]).geturl()
        return urllib3.ProxyManager(url, timeout=timeout, proxy_headers=headers, ssl_context=trust)

    def _trust(self) -> ssl.SSLContext | None:
        if self.read_ca is None:
            return None
        context = ssl.create_default_context()
        try:
            context.load_verify_locations(cadata=self.read_ca().decode("ascii"))
        except (UnicodeDecodeError, ssl.SSLError, ValueError):
            raise InvalidSettings(
                "SOURCE_CA_SECRET_OCID or SOURCE_CA_FILE: it holds no certificate in PEM form"
            ) from None
        return context


def no_answer(call: str, error: urllib3.exceptions.HTTPError) -> SyncError:
    """Return the error that a call without an answer stands for."""
    reason = str(getattr(error, "original_error", error))
    if isinstance(error, urllib3.exceptions.ProxyError):
        if "407" in reason:
            return Refused(
                f"{call}: the proxy asks for a user and a password: put the user into the URL "
                "(SOURCE_PROXY) and the password into the credentials (sourceProxyPassword)"
            )
        return Temporary(f"{call}: no answer from the proxy, or it refuses to go there")
    if isinstance(error, urllib3.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in reason:
        return Refused(
            f"{call}: its certificate is not trusted. Name its private CA by SOURCE_CA_SECRET_OCID "
            "or SOURCE_CA_FILE, or have the certificate renewed"
        )
    return Temporary(f"{call}: no answer ({type(error).__name__})")


def proxy_of(url: str, environment: Mapping[str, str]) -> str | None:
    """Return the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name for a URL."""
    known = {name.lower(): value for name, value in environment.items()}
    place = urlsplit(url)
    proxy = known.get(f"{place.scheme}_proxy")
    if not proxy:
        return None
    from urllib import request  # noqa: PLC0415 - few have a proxy

    excepted = {"no": known.get("no_proxy", "")}
    if request.proxy_bypass_environment(place.netloc, excepted):  # type: ignore[attr-defined]
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
