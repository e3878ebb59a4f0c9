"""What the tests of the secret sources share."""

from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from functions.calls.deadline import Gate
from functions.sources.http import SourceCredentials

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CREDENTIALS = SourceCredentials("client", SecretStr("client-secret"))


class FakeClock:
    """Time that passes only by sleeping."""

    def __init__(self):
        self.seconds = 1_000.0
        self.slept = []

    def now(self):
        return START + timedelta(seconds=self.seconds)

    def monotonic(self):
        return self.seconds

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.seconds += seconds


def gate(clock, seconds=60.0):
    """A gate that closes after `seconds`."""
    return Gate(clock, clock.monotonic() + seconds)


def half():
    """A random number that is none."""
    return 0.5


def values(result):
    """The plain values of a read."""
    return {secret.key: secret.value.get_secret_value() for secret in result.secrets}
