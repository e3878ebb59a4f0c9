"""One seed from its first event to the verdict."""

import gc
from datetime import timedelta

from functions.errors import SyncError
from functions.jobs.seal import parse_job
from functions.plan.models import JobKind, State
from functions.plan.sync_config import parse_sync
from functions.state.status import Phase
from functions.state.status_document import status_object
from infra.local.oci.secret import GOING
from tests.system.simulation.audit import Violation
from tests.system.simulation.documents import status_in, status_of
from tests.system.simulation.edits import EVERY, Edits
from tests.system.simulation.events import END_SECONDS, TICK_SECONDS, Events
from tests.system.simulation.leftovers import judge_leftovers, left_behind
from tests.system.simulation.memory_world import STORE, World
from tests.system.simulation.scheduler import START

LATE_WEBHOOKS_SECONDS = 100.0
PATIENCE_SECONDS = 400.0
SETTLING_SECONDS = 10.0
MOST_LOOKS = 3
"""So often a person looks at a plan and forces it."""
JUMPS = 0.4
JUMP_HOURS = (1, 4, 10, 20)
"""Containers are frozen between calls, and sometimes in one: those under way go on hours later."""
MOST_TICKS_FOR_COMMANDS = 5
"""Each command is a run of its own, and one tick has not the time for a dozen of them."""
IMPOSSIBLE = "nobody may make it as wanted"


def simulate(seed, trace=None):
    """Simulate one seed; raise Violation where a rule is broken. Return the world at its end."""
    gc.disable()  # a fifth of the time, and a seed is short
    world = World(seed, trace, END_SECONDS)
    try:
        _simulate(world, seed)
    finally:
        world.end()
        gc.enable()
    return world


def _simulate(world, seed):
    events = Events(world)
    edits = Edits(world, events, seed) if seed % EVERY == 1 else None
    world.scheduler.run(END_SECONDS)
    world.trace("all faults are over")
    if world.random.random() < JUMPS:
        hours = world.random.choice(JUMP_HOURS)
        world.trace(f"{hours} hours pass in which nobody does anything")
        world.scheduler.jump(hours * 3600)
    _switch_on(events)
    world.scheduler.run(world.scheduler.seconds + LATE_WEBHOOKS_SECONDS)
    _wait_until_quiet(world)
    world.scheduler.run(max(world.scheduler.seconds, _obstacles_end(world)))
    if events.by_hints:
        _hint(world, events)
        world.scheduler.run(world.scheduler.seconds + world.random.uniform(20, 80))
    else:
        world.scheduler.run(world.scheduler.seconds + world.interval.total_seconds())
    for _ in range(_ticks(world, events.configs)):
        _tick(world)
    for _ in range(MOST_TICKS_FOR_COMMANDS):
        waiting = any('"cause": "command"' in message.body for message in world.queue.messages)
        if not (waiting or _gets_on(world, events)):
            break
        _tick(world)
    _wait_until_quiet(world)
    for name in events.configs:
        _force_what_guards_hold(world, events, name)
    world.scheduler.run(world.scheduler.seconds + SETTLING_SECONDS)
    for name in events.configs:
        _judge(world, name, by_hints=events.by_hints)
        judge_leftovers(world, _sync(world, name))
    if edits and edits.random.random() < 0.5:
        _clean_up(world, edits)
    _judge_queue(world)


def _switch_on(events):
    for name, config in events.configs.items():
        if not config.get("isAutoSyncEnabled", True):
            config["isAutoSyncEnabled"] = True
            events.save(name)


def _gets_on(world, events):
    """Say whether a job only ran out of time: where calls are slow, a tick does not suffice for all."""
    stored = (
        world.store.get(status_object(f"secret-syncs/p/{name}.json")) for name in events.configs
    )
    return any(one and b"The rest follows in the next run." in one.body for one in stored)


def _tick(world):
    world.trace("a last tick")
    world.tick()
    world.scheduler.run(world.scheduler.seconds + TICK_SECONDS)


def _ticks(world, names):
    """Return in how many ticks all must be well: two, if no list is stale and no name is hidden.

    A taken name that no call shows is believed to be a stale listing for five minutes.
    """
    now = world.scheduler.now()
    homes = {_sync(world, name).config.destination_config.compartment_ocid for name in names}
    hidden = any(
        s.state(now) in GOING and homes != {s.fact(now)["compartmentId"]}
        for s in world.vault.secrets.values()
    )
    return 10 if hidden else 4 if world.weather.stale_seconds else 2


def _wait_until_quiet(world):
    end = world.scheduler.seconds + PATIENCE_SECONDS
    while not world.is_quiet():
        if world.scheduler.seconds > end:
            raise Violation("an invocation does not end")
        world.scheduler.run(world.scheduler.seconds + 5)


def _obstacles_end(world):
    """Return when nothing that is known now is in the way any more."""
    times = [message.visible_at for message in world.queue.messages]
    now, messages = world.scheduler.now(), world.queue.messages
    times += [parse_job(message.body, world.digests, now).not_before for message in messages]
    for name, (stored, _) in world.store.objects.items():
        status = status_in(stored.body) if name.startswith("status/") else None
        if status and status.lease:
            times.append(status.lease.expires_at + timedelta(seconds=4))
    return max(((at - START).total_seconds() for at in times), default=0.0)


def _hint(world, events):
    """Edit each folder and send its webhook, which may be killed; further events may get lost."""
    now = world.scheduler.seconds
    for name in events.configs:
        world.trace(f"the last webhook of {name}")
        events.edit_source(name, is_told=False)
        process = events.deliver(name)
        if process and world.random.random() < 0.5:
            world.scheduler.at(now + world.random.uniform(0, 6), process.crash)

        def more(name=name):
            events.edit_source(name, is_told=False)
            events.deliver(name)

        for _ in range(world.random.randint(0, 3)):
            world.scheduler.at(now + world.random.uniform(0, 9), more)


def _clean_up(world, edits):
    """Have everything cleaned up that edits left behind."""
    for name in edits.events.configs:
        edits.clean_up(name)
        _wait_until_quiet(world)
    for _ in range(MOST_TICKS_FOR_COMMANDS):
        if any('"cleanup"' in message.body for message in world.queue.messages):
            _tick(world)
    _wait_until_quiet(world)
    for name in edits.events.configs:
        left = left_behind(world, _sync(world, name))
        if left and f"secret-syncs/p/{name}.json" not in world.auditor.losses:
            raise Violation(f"cleanup of {name} left {sorted(s.name for s in left)}")


def _sync(world, name):
    stored = world.store.get(f"secret-syncs/p/{name}.json")
    return parse_sync(STORE, f"secret-syncs/p/{name}.json", stored.etag, stored.body)


def _force_what_guards_hold(world, events, name):
    if not world.auditor.would_stop(world.auditor.truth(_sync(world, name)), at_most=True):
        return
    for earlier in range(MOST_LOOKS):
        answers = []
        events.command("plan", name, done=answers.append)
        _wait_until_quiet(world)
        if isinstance(answers[0], SyncError):
            raise Violation(f"plan failed: {answers[0]}")
        plan = answers[0]["plan"]
        if not (plan["stops"] or earlier):
            return
        world.auditor.is_forced = bool(plan["stops"])
        world.auditor.let_go(f"secret-syncs/p/{name}.json")
        force = plan["fingerprint"] if plan["stops"] else None
        events.command("sync", name, force, done=answers.append)
        _wait_until_quiet(world)
        if isinstance(answers[1], SyncError):
            raise Violation(f"force failed: {answers[1]}")
        world.auditor.is_forced = False
        # A list may be younger than that of the plan, or older: what was agreed to is another plan then.
        if "the plan has changed" not in (answers[1]["message"] or ""):
            break
    world.tick()
    _wait_until_quiet(world)


def _judge(world, name, *, by_hints):
    """Compare the vault with the source, and the status with both."""
    sync = _sync(world, name)
    view = world.auditor.truth(sync)
    status = status_of(world.store, sync.object_name)
    kept = view.kept | world.auditor.unimported(view)
    kept |= world.auditor.strangers(view) - view.values.keys()
    kept |= world.auditor.unimported_strangers(view)
    if by_hints:  # ticks ask again
        asked = world.auditor.asked_lately(view)
        stuck = {n for n in asked & view.values.keys() if _verdict(world, view, n) == IMPOSSIBLE}
        kept |= asked - stuck
    kept |= world.auditor.unproven(view)
    unreadable = {row.name for row in view.listing if row.id in world.unreadable}
    kept |= unreadable
    names = {secret.name for secret in view.listing} | view.values.keys()
    verdicts = [_verdict(world, view, name) for name in sorted(names - kept) if view.scoped(name)]
    wrong = [verdict for verdict in verdicts if verdict not in (None, IMPOSSIBLE)]
    excused = unreadable | world.auditor.unimported(view)
    owed = world.auditor.claims.still_owed(sync, status)
    excused |= {s.name for s in owed if s.id in world.auditor.protected}
    wrong += [f"{s.name} was never imported" for s in owed if s.name not in excused]
    if status.lease is not None:
        wrong.append("its lease is held")
    folder = sync.config.folder
    is_failure = IMPOSSIBLE in verdicts or "bad name" in world.source.folders[folder]
    is_failure |= any(unreadable == folder for unreadable, _ in world.source.errors)
    is_failure |= bool(view.answer.errors)
    expected = Phase.FAILED if is_failure else Phase.SUCCEEDED
    # A cleanup reports where a sync does: what it came to stands there until the next run.
    is_told = status.runs[0].kind != JobKind.CLEANUP
    if is_told and status.sync.status != expected and not unreadable & view.values.keys():
        wrong.append(f"its status is {status.sync.status}, not {expected}: {status.sync.message}")
    if wrong:
        raise Violation(f"sync {name}: {'; '.join(wrong)}")


def _verdict(world, view, name):
    """Return what is wrong with one secret, None where it is as wanted."""
    now = world.scheduler.now()
    held = world.auditor.holder(view, name)
    state = held.state(now) if held else "absent"
    is_mine = held is None or world.auditor.touchable(view, held)
    if name not in view.values:
        must_go = is_mine and state == State.ACTIVE and not view.options.disable_secret_deletion
        return f"{name} is still there" if must_go else None
    if not is_mine or state == State.FAILED:
        return IMPOSSIBLE
    if state != State.ACTIVE:
        return f"{name} is {state}"
    is_equal = held.versions[held.current.at(now)].content == view.values[name]
    return None if is_equal else f"{name} has an old value"


def _judge_queue(world):
    left = [message.body for message in world.queue.messages]
    if left:
        raise Violation(f"messages are left: {left}")
    if world.queue.dead and world.network.crashes < len(world.queue.dead):
        raise Violation("messages became dead letters without a crash")
