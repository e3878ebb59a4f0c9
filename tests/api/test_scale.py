"""Many syncs: what the list costs."""

from tests.support.api import PROJECT, SYNCS, body, running_api

MANY = 1000
LATENCY_SECONDS = 0.02
MAX_SECONDS = 2.0


def test_the_list_of_1000_syncs():
    """At 20 ms a call a container lists 1,000 syncs, 20 of them just run, within 2 s, also a cold one."""
    with running_api() as api:
        for number in range(MANY):
            api.store(f"secret-syncs/{PROJECT}/s{number}.json", body(name=f"s{number}"))
            api.store(f"status/{PROJECT}/s{number}.json", {"version": 3})

        def timed():
            began = api.clock.monotonic()
            rows = api.ok("GET", SYNCS, projectId=PROJECT)["secretSyncs"]
            assert len(rows) == MANY
            return api.clock.monotonic() - began, rows

        timed()
        api.cloud.latency_seconds = LATENCY_SECONDS
        for number in range(20):
            api.store(f"status/{PROJECT}/s{number}.json", {"version": 4})
        api.cloud.reset_calls()
        warm, rows = timed()
        assert warm < MAX_SECONDS
        assert api.cloud.count("GetObject") == 20
        assert sorted(row["version"] for row in rows) == [3] * 980 + [4] * 20

        api.app = api.make_app()  # a cold container: 20 statuses are not as they were when indexed
        api.ok("GET", SYNCS, projectId="another")  # its login and credentials are another matter
        api.cloud.reset_calls()
        cold, rows = timed()
        assert cold < MAX_SECONDS
        indexes = 2
        assert api.cloud.count("GetObject") == indexes + 20
        assert sorted(row["version"] for row in rows) == [3] * 980 + [4] * 20
