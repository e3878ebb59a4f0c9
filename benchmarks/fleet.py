"""Many syncs in virtual time: folders that change, and how long each change takes to reach the vault."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from pydantic import SecretBytes

from functions.plan.ownership import DIGEST_TAG, OWNER_TAG, Digests
from functions.plan.sync_config import PREFIX, sync_id
from functions.state.memory import memory_object
from functions.state.status import Status, parse_status
from functions.state.status_document import status_object
from functions.state.verified import verified_object
from tests.support.virtual_cloud import STORE, TICK_EVERY_SECONDS, VAULT, VirtualCloud

SYNCS = 10_000
SECRETS = 20
SYNCS_A_PROJECT = 20
"""Each project has a compartment of its own: a run lists a compartment whole."""
PERCENT_A_MINUTE = 1.0
RATES = (20.0, 60.0)
"""Calls a second that a tenant is allowed: of lists, contents, other reads, writes. OCI tells none."""
CALL_SECONDS = 0.1
SPREAD = 0.5
"""A call takes up to so much of that more or less."""
WORKERS = (4, 16)
MINUTES = 8
WEBHOOK_SECONDS = 1.0
LONG_SECONDS = 7200.0


@dataclass(frozen=True)
class Load:
    """What is simulated."""

    syncs: int = SYNCS
    percent_a_minute: float = PERCENT_A_MINUTE
    workers: int = WORKERS[0]
    calls_per_second: float = RATES[0]
    interval_seconds: int = 3600
    minutes: int = MINUTES

    @property
    def changes_a_minute(self) -> int:
        """How many syncs change in a minute."""
        return round(self.syncs * self.percent_a_minute / 100)

    @property
    def contents_due_a_minute(self) -> float:
        """How many contents a verification of all in time must read."""
        return self.syncs * SECRETS * 60 / self.interval_seconds


@dataclass
class Fleet:
    """All syncs, each long in step, verified at times that are spread over the interval."""

    load: Load
    random: Random = field(default_factory=lambda: Random(1))  # noqa: S311 - it draws what changes when
    arrivals: list[float] = field(default_factory=list)
    """How many seconds each change took to reach the vault."""
    _open: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        load = self.load
        self.cloud = VirtualCloud(
            calls_per_second=load.calls_per_second,
            max_workers=load.workers,
            interval=timedelta(seconds=load.interval_seconds),
            call_seconds=CALL_SECONDS,
        )
        self.cloud.spread = SPREAD
        self.cloud.on_write = self._written
        self.cloud.pass_time(LONG_SECONDS)  # what is copied below lies in the past
        status, memory = _long_in_step()
        digests = Digests(SecretBytes(self.cloud.digests.key.get_secret_value()))
        self.folders = [self._add(number, status, memory, digests) for number in range(load.syncs)]

    def _add(self, number: int, status: str, memory: str, digests: Digests) -> object:
        cloud, name = self.cloud, f"s{number:05}"
        group = number // SYNCS_A_PROJECT
        project, compartment = f"p{group:05}", f"c{group:05}"
        keys = {f"K{key:02}": "0" for key in range(SECRETS)}
        schema = name + "_{{secretKey}}"
        place = {"project": project, "compartment": compartment}
        folder = cloud.add_sync(name, keys, **place, keySchema=schema)
        config = f"{PREFIX}{project}/{name}.json"
        owner = str(sync_id(STORE, config))
        vault = cloud.secrets(compartment)
        for key, value in keys.items():
            secret, content = f"{name}_{key}", value.encode()
            tags = {OWNER_TAG: owner, DIGEST_TAG: digests.of(VAULT, secret, SecretBytes(content))}
            vault.seed(secret, content, tags=tags, age=timedelta(days=1))
        known = parse_status(_renamed(status, name, compartment).encode()) or Status()
        known.config_etag = cloud.store.objects[config][0].etag
        cloud.store.put(status_object(config), known.to_json())
        cloud.store.put(memory_object(config), _renamed(memory, name, compartment).encode())
        verified = verified_object(config)
        cloud.store.put(verified, b"")
        stored, now = cloud.store.objects[verified]
        age = timedelta(seconds=self.random.uniform(0, self.load.interval_seconds))
        cloud.store.objects[verified] = (stored, now - age)
        stored, now = cloud.store.objects[config]
        cloud.store.objects[config] = (stored, now - timedelta(days=1))
        return folder

    def pass_minute(self) -> None:
        """Let a minute pass with its changes and its tick."""
        cloud, begin = self.cloud, self.cloud.scheduler.seconds
        for _ in range(self.load.changes_a_minute):
            at = begin + self.random.uniform(0, TICK_EVERY_SECONDS)
            cloud.scheduler.at(at, self._change)
        cloud.tick()
        cloud.pass_time(TICK_EVERY_SECONDS)

    def _change(self) -> None:
        cloud, now = self.cloud, self.cloud.scheduler.seconds
        folder = self.random.choice(self.folders)
        key = f"K{self.random.randrange(SECRETS):02}"
        value = f"{now:.6f}"
        cloud.source.folders[folder][key] = value
        self._open[f"{folder.path[1:]}_{key}"].append((value, now))
        cloud.scheduler.at(now + WEBHOOK_SECONDS, lambda: cloud.webhook(folder))

    def _written(self, _vault: object, name: str, value: bytes) -> None:
        waiting, text = self._open[name], value.decode()
        if text not in {one for one, _ in waiting}:
            return
        while waiting:
            one, changed_at = waiting.pop(0)
            self.arrivals.append(self.cloud.scheduler.seconds - changed_at)
            if one == text:
                return

    def forget(self) -> None:
        """Begin to measure now."""
        self.arrivals.clear()
        self.cloud.take_calls()
        self.cloud.invocations.clear()
        self.cloud.busy_seconds = 0.0

    @property
    def waiting(self) -> int:
        """How many changes have not arrived."""
        return sum(map(len, self._open.values()))


def _long_in_step() -> tuple[str, str]:
    """Return status and memory of a sync that ran twice, long ago."""
    cloud = VirtualCloud()
    keys = {f"K{key:02}": "0" for key in range(SECRETS)}
    folder = cloud.add_sync(
        "template-sync", keys, compartment="template-place", keySchema="template-sync_{{secretKey}}"
    )
    cloud.tick()
    cloud.pass_time(LONG_SECONDS / 2)
    cloud.webhook(folder)
    cloud.pass_time(60)
    config = f"{PREFIX}p/template-sync.json"
    names = status_object(config), memory_object(config)
    status, memory = (cloud.store.objects[name][0].body.decode() for name in names)
    return status, memory


def _renamed(text: str, name: str, compartment: str) -> str:
    return text.replace("template-sync", name).replace("template-place", compartment)
