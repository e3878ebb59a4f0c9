import json
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import urllib3

from functions.calls.clock import SystemClock
from infra.local.gateway import MAX_BODY_BYTES, Gateway
from infra.local.host import Host

FUNCTION = Path(__file__).parents[1] / "support" / "echo_function.py"
LOG: list[str] = []


@pytest.fixture(scope="module")
def host():
    """Two containers of the echo function."""
    env = {"FN_FN_ID": "ocid1.fnfunc.oc1..here", "FN_APP_ID": "ocid1.fnapp.oc1..here"}
    with Host(FUNCTION, env, clock=SystemClock(), log=LOG.append, containers=2) as host:
        yield host


@pytest.fixture(scope="module")
def http(host):
    """Requests through a gateway at /v1."""
    with Gateway(host.call, "/v1") as gateway, urllib3.PoolManager() as pool:
        yield lambda method, path, **rest: pool.request(method, f"{gateway.url}{path}", **rest)


def order(host, **what):
    """Call the echo function directly."""
    return host.call(json.dumps(what).encode())


def test_a_direct_call_has_no_http_intent(host):
    """A call that does not come through the gateway shows no method, URL or HTTP headers."""
    reply = host.call(b"hello")
    seen = json.loads(reply.body)
    assert reply.status == 200
    assert (seen["method"], seen["url"], seen["headers"]) == (None, None, {})
    assert (seen["body"], seen["function"]) == ("hello", "ocid1.fnfunc.oc1..here")


def test_the_deadline_is_the_time_limit_from_now(host):
    """A call is told its deadline: five minutes from now, an hour for a detached one."""
    limits = []
    for detached in (False, True):
        seen = json.loads(host.call(b"", detached=detached).body)
        limits.append(
            (datetime.fromisoformat(seen["deadline"]) - datetime.now(UTC)).total_seconds()
        )
    assert limits == [pytest.approx(300, abs=5), pytest.approx(3600, abs=5)]


def test_a_raised_exception_is_a_502(host):
    """A function that raises answers 502 with the text of the exception."""
    reply = order(host, **{"raise": "no luck"})
    assert reply.status == 502
    assert b"no luck" in reply.body


def test_a_status_without_http_intent_is_a_success(host):
    """A Response with status 500 counts as success where the call has no HTTP intent."""
    assert order(host, status=500).status == 200


def test_a_dead_process_is_a_502_and_is_replaced(host):
    """A process that dies under a call answers 502; the next call gets a new one."""
    assert order(host, exit=1).status == 502
    assert order(host).status == 200


HOST = """
import sys, time
from pathlib import Path
from functions.calls.clock import SystemClock
from infra.local.host import Host
host = Host(Path(sys.argv[1]), {}, clock=SystemClock(), log=print)
print(host.call(b"").body.decode(), flush=True)
time.sleep(60)
"""


def is_running(pid):
    """Say whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_no_container_outlives_its_host():
    """Whoever kills a host, as a test run is killed, ends its containers with it."""
    command = [sys.executable, "-c", HOST, str(FUNCTION)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        pid = json.loads(process.stdout.readline())["pid"]
        assert is_running(pid)
        process.kill()
    clock = SystemClock()
    give_up = clock.monotonic() + 10
    while is_running(pid) and clock.monotonic() < give_up:
        clock.sleep(0.01)
    assert not is_running(pid)


def test_a_container_is_kept_warm(host):
    """Calls one after the other are served by one process."""
    pids = {json.loads(order(host).body)["pid"] for _ in range(3)}
    assert len(pids) == 1


def test_calls_side_by_side_get_a_container_each(host):
    """Two calls at a time are served by two processes, as each takes one call at a time."""
    pids: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: pids.append(json.loads(order(host, sleep=0.05).body)["pid"])
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(pids)) == 2


def test_an_overrun_is_a_504():
    """A call that overruns the function's time limit answers 504 and its process is ended."""
    with Host(
        FUNCTION, {}, clock=SystemClock(), log=LOG.append, containers=1, timeout_seconds=0.05
    ) as host:
        assert order(host, sleep=5).status == 504


def test_a_function_that_cannot_start_is_a_502():
    """A function whose file is missing answers 502, and the log says why."""
    lines: list[str] = []
    with Host(Path("absent.py"), {}, clock=SystemClock(), log=lines.append) as host:
        assert host.call(b"").status == 502
    assert any("absent.py" in line for line in lines)


def test_killing_answers_calls_under_way_with_502(host):
    """Killing the containers ends calls under way with 502, as a crash does."""
    statuses: list[int] = []
    caller = threading.Thread(
        target=lambda: statuses.append(order(host, log="begun", sleep=5).status)
    )
    LOG.clear()
    caller.start()
    while "begun" not in LOG:
        SystemClock().sleep(0.005)
    host.kill()
    caller.join()
    assert statuses == [502]
    assert order(host).status == 200


def test_a_request_reaches_the_function_as_it_was_sent(http):
    """Method, path with query (still encoded), headers and raw body reach the function."""
    seen = http("PATCH", "/a%20b?q=%2F", body=b"\x00\xff", headers={"X-Own": "mine"}).json()
    assert (seen["method"], seen["url"]) == ("PATCH", "/v1/a%20b?q=%2F")
    assert (seen["headers"]["x-own"], seen["body"]) == ("mine", "\x00\xff")


def test_the_content_type_comes_in_two_forms(http):
    """The content type arrives as the call's own and as the request's, which the fdk makes a list."""
    seen = http("POST", "/", body=b"x", headers={"Content-Type": "text/plain"}).json()
    assert seen["all_headers"]["content-type"] == ["text/plain", "text/plain"]


def test_the_functions_status_and_headers_reach_the_caller(http):
    """The status, headers and content type of a Response reach the HTTP caller."""
    answer = http("POST", "/", body=json.dumps({"status": 401}))
    assert answer.status == 401
    assert answer.headers["x-own"] == "yes"
    assert answer.headers["content-type"] == "application/json"


def test_an_exception_reaches_the_caller_as_a_502_without_its_text(http):
    """A function that raises is a 502 for the HTTP caller, who does not see the exception's text."""
    answer = http("POST", "/", body=json.dumps({"raise": "inner"}))
    assert answer.status == 502
    assert b"inner" not in answer.data


def test_a_body_above_the_limit_is_refused(http):
    """A body of 6 MB passes, one byte more is 413."""
    assert http("POST", "/", body=bytes(MAX_BODY_BYTES)).json()["size"] == MAX_BODY_BYTES
    assert http("POST", "/", body=bytes(MAX_BODY_BYTES + 1)).status == 413


def test_a_path_outside_the_prefix_is_not_found(host):
    """A request outside the gateway's path prefix is 404 and does not reach the function."""
    with Gateway(host.call, "/v1") as gateway, urllib3.PoolManager() as pool:
        assert pool.request("GET", gateway.url.removesuffix("/v1") + "/v2/x").status == 404
