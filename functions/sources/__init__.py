"""Where secrets come from: a new source is one file here, and one branch of `connect`."""

from collections.abc import Callable
from typing import assert_never

from functions.calls.deadline import Gate
from functions.calls.retry import Retrying
from functions.ports import Clock, SecretSource
from functions.settings import SourceKind
from functions.sources import hanzo_kms
from functions.sources.http import GetCredentials, SourceHttp
from functions.sources.infisical import source as infisical
from functions.sources.transport import Transport

OpenSource = Callable[[Gate], SecretSource]
"""Opens the source for one invocation."""


def connect(
    kind: SourceKind,
    url: str,
    credentials: GetCredentials,
    clock: Clock,
    random: Callable[[], float],
    transport: Transport | None = None,
) -> OpenSource:
    """Return how to open the source of this kind; its connections and token are kept meanwhile."""
    match kind:
        case "infisical":
            http = SourceHttp(url, infisical.LOGIN_PATH, credentials, clock, transport)
            return lambda gate: infisical.Infisical(http, Retrying(gate, random))
        case "hanzo-kms":
            http = SourceHttp(url, hanzo_kms.LOGIN_PATH, credentials, clock, transport)
            return lambda gate: hanzo_kms.HanzoKms(http, Retrying(gate, random))
    assert_never(kind)
