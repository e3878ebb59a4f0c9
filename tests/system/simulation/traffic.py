"""Calls to the outside: they take time, fail, lose their answers, and are where processes die."""

from dataclasses import dataclass

from greenlet import GreenletExit

from functions.calls.retry import Retrying
from functions.errors import SyncError, Temporary, Throttled
from functions.state.lease import LEASE_SECONDS

WRITES = ("create", "update", "tag", "restore", "schedule_deletion")


@dataclass
class Weather:
    """How bad things are in one seed. After `end` nothing fails any more, but lists may stay stale."""

    end: float
    slow: float
    throttled: float
    failed: float
    lost: float
    crash: float
    stall: float
    stale_seconds: float
    outages: tuple[tuple[str, float, float], ...]

    @classmethod
    def draw(cls, random, end):
        """Most seeds have some troubles, few have all."""

        def maybe(most):
            return random.random() * most if random.random() < 0.6 else 0.0

        outages = []
        for _ in range(random.choice((0, 0, 1, 2))):
            start = random.uniform(0, end - 20)
            family = random.choice(("source", "vault", "store", "queue"))
            outages.append((family, start, min(end, start + random.uniform(5, 90))))
        return cls(
            end=end,
            slow=random.choice((0, 0.05, 0.2, 0.5)),
            throttled=maybe(0.05),
            failed=maybe(0.05),
            lost=maybe(0.08),
            crash=maybe(0.02),
            stall=maybe(0.05),
            stale_seconds=random.choice((0, 5, 20, 60)),
            outages=tuple(outages),
        )


class Network:
    """Carries the calls of all processes to the outside."""

    def __init__(self, scheduler, weather, trace):
        self._scheduler = scheduler
        self._weather = weather
        self._trace = trace
        self.crashes = 0
        self.on_long_stall = lambda _until: None

    def line(self, process, family, port, gate, pace):
        retrying = Retrying(gate, self._scheduler.random.random)
        return Line(self, process, family, port, retrying, pace)

    @property
    def is_calm(self):
        return self._scheduler.seconds >= self._weather.end

    def staleness(self):
        if self._scheduler.random.random() < 0.3:
            return 0.0
        return self._scheduler.random.random() * self._weather.stale_seconds

    def disturb(self, process, operation):
        """Have a process die or stall, perhaps; most often where it writes to the vault."""
        if self.is_calm:
            return
        random, weather = self._scheduler.random, self._weather
        dice = random.random() * (0.15 if operation in WRITES else 2)
        if dice < weather.crash:
            self.crash(process)
        elif dice < weather.crash + weather.stall:
            left = weather.end - self._scheduler.seconds
            seconds = min(left, random.uniform(*random.choice(((2, 20), (50, 150)))))
            self._trace(f"{process.name} stalls for {seconds:.0f} s")
            if random.random() < 0.5:
                process.frozen_until = self._scheduler.seconds + seconds
            if seconds > LEASE_SECONDS:
                self.on_long_stall(self._scheduler.seconds + seconds)
            process.sleep(seconds)

    def crash(self, process):
        self.crashes += 1
        self._trace(f"{process.name} crashes")
        process.crash()

    def carry(self, process, family, operation, effect):
        """Make one call within ten seconds; if the caller dies meanwhile it may arrive all the same."""
        fate = self._fate(family)
        name = f"{process.name} {family}.{operation}"
        if fate in ("throttled", "failed"):
            process.sleep(self._latency())
            self._trace(f"{name} {fate}")
            if fate == "throttled":
                raise Throttled(
                    "too many calls", self._scheduler.random.choice((None, None, 1.0, 4.0))
                )
            raise Temporary("it failed")
        sent_at = self._scheduler.seconds
        try:
            process.check_alive()
            self._scheduler.sleep(self._latency())
        except GreenletExit:
            if self._scheduler.random.random() < 0.5:
                self._scheduler.at(self._scheduler.seconds, lambda: self._arrive_late(name, effect))
            raise
        if sent_at < self._scheduler.jumped_at:
            raise Temporary("the connection died while the container was frozen")
        result = error = None
        try:
            result = effect()
        except SyncError as refusal:
            error = refusal
        self._trace(f"{name} {_brief(error, result)}{' (answer lost)' if fate == 'lost' else ''}")
        process.sleep(self._latency())
        if fate == "lost":
            raise Temporary("the answer was lost")
        if error:
            raise error
        return result

    def _arrive_late(self, name, effect):
        self._trace(f"{name} arrives after its sender's death")
        try:
            effect()
        except SyncError:
            return

    def _latency(self):
        random = self._scheduler.random
        if not self.is_calm and random.random() < self._weather.slow:
            return random.uniform(0.5, 4.9)
        return random.random() * 0.05

    def _fate(self, family):
        if self.is_calm:
            return "fine"
        now, weather = self._scheduler.seconds, self._weather
        if any(f == family and start <= now < end for f, start, end in weather.outages):
            return "failed"
        dice = self._scheduler.random.random()
        for fate in ("throttled", "failed", "lost"):
            dice -= getattr(weather, fate)
            if dice < 0:
                return fate
        return "fine"


class Line:
    """A port as one process has it: the same methods, over the network."""

    def __init__(self, network, process, family, port, retrying, pace):
        self._network = network
        self._process = process
        self._family = family
        self._port = port
        self._retrying = retrying
        self._pace = pace

    def __getattr__(self, operation):
        method = getattr(self._port, operation)
        if not callable(method):
            return method

        def call(*args, **kwargs):
            self._network.disturb(self._process, operation)
            answer = self._retrying.call(
                lambda: self._network.carry(
                    self._process, self._family, operation, lambda: method(*args, **kwargs)
                ),
                self._pace,
            )
            self._network.disturb(self._process, operation)
            return answer

        setattr(self, operation, call)
        return call


def _brief(error, result):
    if error:
        return f"→ {type(error).__name__}: {error}"
    return f"→ {len(result)} rows" if isinstance(result, list) else ""
