"""The prediction log on real databases: SQLite, and a PostgreSQL server of the tests' own."""

import asyncio
import http.client
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from conftest import UNTOUCHED, Render, environment, run
from postgresql import PostgreSQL, select
from service import Service, get, post
from test_pipeline import rows_of

WAIT_S = 20  # for something that takes a moment
DAY_S = 86_400.0
OTHERS = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
RELEASE_0_2 = """
CREATE TABLE predictions (
    prediction_id TEXT PRIMARY KEY,
    predicted_at TEXT NOT NULL,
    model_version TEXT NOT NULL,
    record TEXT NOT NULL,
    answer TEXT NOT NULL
)
"""


class Answered(list):
    """Rows that need no describing."""

    size = 0

    @staticmethod
    def rows(answered: Sequence["Answered"]) -> list[list[Any]]:
        from logging_model.engineroom.serving.log import Row  # there is no such package before a test has rendered it

        return [[Row(**row) for row in one] for one in answered]


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


@pytest.fixture(scope="session")
def source(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered project's package under a name of its own, where bytecode may be written."""
    source = tmp_path_factory.mktemp("source") / "src"
    shutil.copytree(render() / "src/customer_model", source / "logging_model")
    return source


@pytest.fixture(scope="session")
def code(source: Path) -> SimpleNamespace:
    """The modules under test."""
    sys.path.insert(0, str(source))
    try:
        from logging_model.engineroom.contract import UserError
        from logging_model.engineroom.serving.log import database, prediction_log
    finally:
        sys.path.remove(str(source))
    return SimpleNamespace(database=database, log=prediction_log, UserError=UserError)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return str(tmp_path / "folder/log.db")
    server = request.getfixturevalue("server")
    if request.param == "no encoding":  # as a server that was set up without a locale makes databases
        with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("CREATE DATABASE no_encoding ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
        return f"{server.url.removesuffix('postgres')}no_encoding"
    return str(server.create(f"d{uuid.uuid4().hex}"))


@pytest.fixture
def opened(code: SimpleNamespace) -> Iterator[Callable[..., Any]]:
    """`opened(url, ...)` is a prediction log that is closed with the test."""
    with ExitStack() as stack:

        def new(url: str, **settings: Any) -> Any:
            log = code.log.PredictionLog(url, **settings)
            stack.callback(log.close)
            return log

        yield new


def row(at: float | None = None, **values: Any) -> dict[str, Any]:
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + ".000+00:00"
    filled = {"prediction_id": uuid.uuid4().hex, "role": "champion", "predicted_at": moment, "model_version": "v"}
    return filled | {"record": "{}", "answer": "{}", "subject": None, "raw": None} | values


def ids(url: str) -> set[str]:
    found = [id_ for (id_,) in select(url, "SELECT prediction_id FROM predictions")]
    assert len(found) == len(set(found))
    return set(found)


def eventually(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


# --- tables --------------------------------------------------------------------------------------------------------


def test_migrations_make_the_tables_that_the_code_uses(code: SimpleNamespace, url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    folder = Path(code.database.__file__).with_name("migrations")
    assert ScriptDirectory(str(folder)).get_current_head() == code.database.HEAD
    if "://" not in url:
        Path(url).parent.mkdir()
    engine = code.database.connect(code.database.url_of(url))
    with engine.begin() as connection:
        code.database.upgrade(connection)  # all of them, where a new log gets its tables at once
    code.database.migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": code.database.version.name})
        found = compare_metadata(context, code.database.metadata)
    engine.dispose()
    assert not found
    assert select(url, "SELECT * FROM predictions_version") == [(code.database.HEAD,)]


def test_a_file_of_release_0_2_keeps_its_rows(
    code: SimpleNamespace, opened: Callable[..., Any], tmp_path: Path
) -> None:
    file, old = str(tmp_path / "log.db"), uuid.uuid4().hex
    with sqlite3.connect(file) as connection:
        connection.execute(RELEASE_0_2)
        values = (old, "2026-01-31T08:00:00.123+00:00", "v1", '{"age": 44}', '{"prediction": "no"}')
        connection.execute("INSERT INTO predictions VALUES (?, ?, ?, ?, ?)", values)
    log = opened(file, policy="block")
    new = row(record='{"age": 45}')
    log.append(Answered([new])).result(WAIT_S)
    assert [list(code.log.read(file, of, 10)) for of in ("v", "v1")] == [[{"age": 45}], [{"age": 44}]]
    found = select(file, f"SELECT role, predicted_at, answer FROM predictions WHERE prediction_id = '{old}'")
    assert found == [("champion", values[1], values[4])]
    assert log.feedback({old: "yes"}) == []


def test_processes_that_start_at_once_migrate_once(url: str, source: Path) -> None:
    script = (
        "import sys; from logging_model.engineroom.serving.log import PredictionLog; print('ready', flush=True);"
        "sys.stdin.readline(); PredictionLog(sys.argv[1], policy='block').close()"
    )
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", script, url],
            env=environment(source.parent),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for start in starts:
        assert start.stdout and start.stdout.readline() == "ready\n"
    for start in starts:
        assert start.stdin
        start.stdin.write("\n")
        start.stdin.flush()
    errors = [start.communicate(timeout=60)[1] for start in starts]
    assert [start.returncode for start in starts] == [0, 0, 0], errors
    assert select(url, "SELECT * FROM predictions_version") == [("0002",)]


def test_tables_can_be_in_a_schema_of_their_own(
    code: SimpleNamespace, opened: Callable[..., Any], server: PostgreSQL
) -> None:
    url = server.create("ours")
    with psycopg.connect(server.url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE predictions (of_somebody_else int)")
    try:
        log = opened(url.replace("+psycopg", ""), policy="block")
        log.append(Answered([row()])).result(WAIT_S)
        assert len(select(server.url, "SELECT * FROM ours.predictions")) == 1
        assert not select(server.url, "SELECT of_somebody_else FROM public.predictions")
    finally:
        with psycopg.connect(server.url.replace("+psycopg", "")) as connection:
            connection.execute("DROP TABLE public.predictions")


@pytest.mark.parametrize("policy", ["drop", "block"])
def test_tables_of_a_newer_release_are_refused(code: SimpleNamespace, url: str, policy: str) -> None:
    code.log.PredictionLog(url, policy="block").close()
    query = "UPDATE predictions_version SET version_num = '9999'"
    if "://" in url:
        with psycopg.connect(url.replace("+psycopg", "")) as postgresql:
            postgresql.execute(query)
    else:
        with sqlite3.connect(url) as sqlite:
            sqlite.execute(query)
    with pytest.raises(code.UserError, match="newer than this service"):
        code.log.PredictionLog(url, policy=policy)


@pytest.mark.parametrize(
    "url, policy",
    [
        ("{folder}/file/log.db", "drop"),
        ("{folder}", "drop"),
        ("postgresql://somebody:hush@127.0.0.1:9/none", "block"),
        ("postgres://somebody:hush@127.0.0.1:9/none", "block"),
        ("mysql://somebody:hush@127.0.0.1/none", "drop"),
        ("postgresql://somebody:hush@127.0.0.1:port/none", "drop"),
    ],
)
def test_a_log_that_cannot_be_opened_is_refused_in_one_sentence(
    code: SimpleNamespace, tmp_path: Path, url: str, policy: str
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(code.UserError) as caught:
        code.log.PredictionLog(url.format(folder=tmp_path), policy=policy)
    assert "\n" not in str(caught.value) and "hush" not in str(caught.value)


# --- writing -------------------------------------------------------------------------------------------------------


def test_what_is_queued_is_written_when_the_log_closes(code: SimpleNamespace, url: str) -> None:
    log = code.log.PredictionLog(url)
    rows = [row() for _ in range(2345)]
    for start in range(0, len(rows), 5):
        assert log.append(Answered(rows[start : start + 5])) is None
    log.close()
    assert (log.queued, log.dropped, ids(url)) == (0, 0, {found["prediction_id"] for found in rows})
    log.append(Answered([row()]))
    assert log.dropped == 1


@pytest.mark.parametrize("odd", [{"record": None}, {"record": "\ud800"}, {"record": object()}])
@pytest.mark.parametrize("policy", ["drop", "block"])
def test_a_row_that_is_refused_takes_no_other_with_it(
    code: SimpleNamespace, url: str, policy: str, odd: dict[str, Any]
) -> None:
    log = code.log.PredictionLog(url, policy=policy)
    good, bad = [row() for _ in range(20)], row(**odd)
    entries = [Answered([found]) for found in (*good[:10], bad, *good[10:])]
    durable = [log.append(entry) for entry in entries]
    log.close()
    assert ids(url) == {found["prediction_id"] for found in good}
    if policy == "drop":
        assert log.dropped == 1
    else:
        refused = [isinstance(future.exception(0), code.log.LogUnavailable) for future in durable]
        assert refused == [entry[0] is bad for entry in entries]


def test_an_answer_that_cannot_be_described_stops_nothing(code: SimpleNamespace, url: str) -> None:
    class Broken(Answered):
        @staticmethod
        def rows(answered: Sequence["Answered"]) -> list[list[Any]]:
            raise RuntimeError("planted")

    log, good = code.log.PredictionLog(url), row()
    log.append(Broken([row(), row()]))
    eventually(lambda: not log.queued)  # a batch with nothing else in it
    assert (log.dropped, log.writable) == (2, True)
    log.append(Broken([row()]))
    log.append(Answered([good]))
    log.close()
    assert (log.dropped, ids(url)) == (3, {good["prediction_id"]})


def test_what_waits_to_be_described_is_bounded_in_bytes(code: SimpleNamespace, url: str) -> None:
    described = threading.Event()

    class Large(Answered):
        size = code.log.MOST_BYTES // 2

        @staticmethod
        def rows(answered: Sequence["Answered"]) -> list[list[Any]]:
            assert described.wait(WAIT_S)
            return Answered.rows(answered)

    log, found = code.log.PredictionLog(url), [row() for _ in range(4)]
    for one in found[:3]:
        log.append(Large([one]))
    assert log.dropped == 1
    described.set()
    eventually(lambda: not log.queued)
    log.append(Large(found[3:]))
    log.close()
    assert log.dropped == 1 and ids(url) == {one["prediction_id"] for one in (*found[:2], found[3])}


def test_a_queue_that_is_full_in_bytes_has_room_again_when_half_of_them_are_gone(
    code: SimpleNamespace, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    begun, goes_on = threading.Semaphore(0), threading.Semaphore(0)

    class Large(Answered):
        size = int(0.4 * code.log.MOST_BYTES)

        @staticmethod
        def rows(answered: Sequence["Answered"]) -> list[list[Any]]:
            begun.release()
            assert goes_on.acquire(timeout=WAIT_S)
            return Answered.rows(answered)

    class Larger(Large):
        size = int(0.6 * code.log.MOST_BYTES)

    log = code.log.PredictionLog(url)
    log.append(Large([row()]))
    assert begun.acquire(timeout=WAIT_S)
    for _ in range(2):
        log.append(Larger([row()]))  # the second finds it full
    goes_on.release()
    assert begun.acquire(timeout=WAIT_S)  # one is written, and the other still takes more than half
    log.append(Larger([row()]))
    goes_on.release()
    log.close()
    said = [(one.levelname, one.getMessage()) for one in caplog.records if "queue" in one.getMessage()]
    assert [level for level, _ in said] == ["ERROR", "WARNING"] and ": 2 predictions" in said[1][1], said


def test_answers_wait_for_room_in_their_order_and_not_for_ever(
    code: SimpleNamespace, opened: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()

    class Slow(Answered):
        @staticmethod
        def rows(answered: Sequence["Answered"]) -> list[list[Any]]:
            assert goes_on.wait(WAIT_S)
            return Answered.rows(answered)

    log, order = opened(str(tmp_path / "log.db"), capacity=10), []

    async def answer(number: int, rows: int) -> None:
        found = Answered([row() for _ in range(rows)])
        await log.room(found)
        log.append(found)
        order.append(number)

    async def crowd() -> None:
        waiting = [asyncio.create_task(answer(number, rows)) for number, rows in enumerate((10, 2, 2, 1))]
        await asyncio.sleep(0.1)
        assert order == [3] and log.complete  # batches leave it some room
        goes_on.set()
        await asyncio.wait_for(asyncio.gather(*waiting), WAIT_S)

    log.append(Slow([row() for _ in range(8)]))
    asyncio.run(crowd())  # of whom the first needs all the room, and others would find some before
    assert order == [3, 0, 1, 2] and (log.dropped, log.waited) == (0, 3)
    eventually(lambda: not log.queued)
    goes_on.clear()
    log.append(Slow([row() for _ in range(10)]))
    monkeypatch.setattr(code.log, "ROOM_S", 0.05)
    asyncio.run(asyncio.wait_for(answer(4, 1), WAIT_S))
    assert log.dropped == 1 and log.writable and not log.complete
    monkeypatch.setattr(code.log, "ROOM_S", 10 * WAIT_S)
    monkeypatch.setattr(log, "_up", False)
    asyncio.run(asyncio.wait_for(answer(5, 1), WAIT_S))  # a database that is down is not waited for
    assert log.dropped == 2
    goes_on.set()


def test_a_batch_that_is_tried_again_is_there_once(opened: Callable[..., Any], url: str) -> None:
    log, found = opened(url, policy="block"), row(answer='{"prediction": "yes"}')
    for rows in ([found], [row(), found, row()]):
        log.append(Answered(rows)).result(WAIT_S)
    assert len(ids(url)) == 3


@pytest.mark.parametrize("policy, synchronous", [("drop", 1), ("block", 2)])  # NORMAL, FULL
def test_sqlite_syncs_each_commit_where_answers_wait_for_it(
    code: SimpleNamespace, opened: Callable[..., Any], tmp_path: Path, policy: str, synchronous: int
) -> None:
    log, pragmas = opened(str(tmp_path / "log.db"), policy=policy), []

    def ask(connection: Any) -> None:
        pragmas.extend(
            connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        )

    code.database.transact(log._engine, ask)
    assert pragmas == ["wal", synchronous]


@pytest.mark.parametrize("url", ["sqlite", "postgresql", "no encoding"], indirect=True)
def test_text_of_any_script_comes_back(code: SimpleNamespace, opened: Callable[..., Any], url: str) -> None:
    record = {"text": 'Straße 請求書 😡 "quoted" \\ %s :name\n\t\x00'}
    log = opened(url, policy="block")
    log.append(Answered([row(record=json.dumps(record, ensure_ascii=False))])).result(WAIT_S)
    assert list(code.log.read(url, "v", 10)) == [record]


def test_drift_sees_what_the_champion_answered_newest_first(
    code: SimpleNamespace, opened: Callable[..., Any], url: str
) -> None:
    log, now = opened(url, policy="block"), time.time()
    rows = [row(now - age, record=json.dumps({"age": age})) for age in (30, 10, 20, 40)]
    shadow = rows[1] | {"role": "shadow", "record": '{"age": 0}'}
    log.append(Answered([*rows, shadow])).result(WAIT_S)
    assert list(code.log.read(url, "v", 4)) == [{"age": 10}, {"age": 20}, {"age": 30}, {"age": 40}]


def test_drift_sees_what_one_model_answered_on_the_last_day_and_some_of_it_from_end_to_end(
    code: SimpleNamespace, opened: Callable[..., Any], url: str
) -> None:
    log, now = opened(url, policy="block"), time.time()
    ages = [*range(0, 80_000, 200), *range(200_000, 300_000, 5_000)]  # 400 rows of a day, 20 older ones
    rows = [row(now - age, record=json.dumps({"age": age})) for age in ages]
    log.append(Answered(rows)).result(WAIT_S)
    others = [row(now + second, record='{"age": -1}', model_version="w") for second in range(300)]
    log.append(Answered(others)).result(WAIT_S)
    drawn = [record["age"] for record in code.log.read(url, "v", 100)]
    assert len(set(drawn)) == 100 and set(drawn) <= set(ages[:400])
    assert min(drawn) < 20_000 and max(drawn) > 60_000 and 30_000 < sum(drawn) / 100 < 50_000
    assert drawn == [record["age"] for record in code.log.read(url, "v", 100)]
    assert [record["age"] for record in code.log.read(url, "v", 1_000)] == ages
    assert [record["age"] for record in code.log.read(url, "v", 410)] == ages[:410]
    assert list(code.log.read(url, "another", 100)) == []


def test_a_log_that_is_not_there_cannot_be_read(code: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(code.UserError, match="cannot be read"):
        code.log.read(str(tmp_path / "none.db"), "v", 3)
    assert not (tmp_path / "none.db").exists()


# --- trouble -------------------------------------------------------------------------------------------------------


def test_while_the_database_is_down_drop_keeps_rows_and_counts_the_rest(
    opened: Callable[..., Any], server: PostgreSQL, caplog: pytest.LogCaptureFixture
) -> None:
    log = opened(url := server.create("dropped"), capacity=10)
    server.stop()
    try:
        rows = [row() for _ in range(12)]
        for found in rows:
            log.append(Answered([found]))
        eventually(lambda: not log.writable)
        assert (log.queued, log.dropped) == (10, 2)
    finally:
        server.start()
    eventually(lambda: log.writable and not log.queued)
    assert ids(url) == {found["prediction_id"] for found in rows[:10]}
    eventually(lambda: "room again" in caplog.text)
    said = [(one.levelname, one.getMessage()) for one in caplog.records if "queue" in one.getMessage()]
    assert [level for level, _ in said] == ["ERROR", "WARNING"] and ": 2 predictions" in said[1][1]


def test_drop_starts_without_its_database_and_finds_it_later(
    code: SimpleNamespace, opened: Callable[..., Any], server: PostgreSQL
) -> None:
    url, found = server.create("later"), row()
    server.stop()
    try:
        log = opened(url)
        assert not log.writable
        log.append(Answered([found]))
    finally:
        server.start()
    eventually(lambda: log.writable)
    eventually(lambda: not log.queued)
    assert ids(url) == {found["prediction_id"]}


def test_while_the_database_is_down_the_writer_rests(
    opened: Callable[..., Any], server: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.create("resting")
    server.stop()
    try:
        log, rests = opened(url, retention_days=1), []
        wait = log._wake.wait
        monkeypatch.setattr(log._wake, "wait", lambda seconds: rests.append(seconds) or wait(seconds))
        eventually(lambda: len(rests) > 2)
        assert min(rests) > 0
    finally:
        server.start()


def test_while_the_database_is_down_rows_wait_and_what_they_are_made_from_does_not(
    opened: Callable[..., Any], server: PostgreSQL
) -> None:
    url = server.create("long")
    server.stop()
    try:
        log, answered = opened(url), [Answered([row()]) for _ in range(1_200)]
        for one in answered:
            log.append(one)
        held = [weakref.ref(one) for one in answered]
        del answered, one
        eventually(lambda: not any(one() for one in held))
        assert (log.queued, log.dropped, log.writable) == (1_200, 0, False)
    finally:
        server.start()
    eventually(lambda: not log.queued)
    assert len(ids(url)) == 1_200


def test_while_the_database_is_down_block_refuses_at_once(
    code: SimpleNamespace, opened: Callable[..., Any], server: PostgreSQL
) -> None:
    log, kept = opened(url := server.create("blocked"), policy="block"), row()
    log.append(Answered([kept])).result(WAIT_S)
    server.stop()
    try:
        eventually(lambda: not log.writable)  # noticed without a request
        assert isinstance(log.append(Answered([row()])).exception(0), code.log.LogUnavailable)
        with pytest.raises(code.log.LogUnavailable):
            log.feedback({kept["prediction_id"]: "yes"})
    finally:
        server.start()
    eventually(lambda: log.writable)
    log.append(Answered([again := row()])).result(WAIT_S)
    assert ids(url) == {kept["prediction_id"], again["prediction_id"]}
    assert log.dropped == 0


def test_a_connection_that_broke_unnoticed_costs_no_answer(opened: Callable[..., Any], server: PostgreSQL) -> None:
    log = opened(url := server.create("broken"), policy="block")
    for _ in range(3):
        log.append(Answered([row()])).result(WAIT_S)
        select(url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OTHERS}")
    log.append(Answered([row()])).result(WAIT_S)
    assert len(ids(url)) == 4


def test_a_database_that_hangs_counts_as_down(
    code: SimpleNamespace, opened: Callable[..., Any], server: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code.log, "STUCK_S", 0.5)
    log = opened(url := server.create("hanging"), policy="block")
    log.append(Answered([row()])).result(WAIT_S)
    backends = [pid for (pid,) in select(url, f"SELECT pid FROM pg_stat_activity WHERE {OTHERS}")]
    for pid in backends:
        os.kill(pid, signal.SIGSTOP) if _alive(pid) else None
    try:
        waiting = log.append(Answered([row()]))
        eventually(lambda: not log.writable)
        assert isinstance(log.append(Answered([row()])).exception(0), code.log.LogUnavailable)
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT) if _alive(pid) else None
    waiting.result(WAIT_S)
    eventually(lambda: log.writable)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_log_whose_writer_died_takes_nothing(
    code: SimpleNamespace, opened: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opened(str(tmp_path / "log.db"), policy="block")
    monkeypatch.setattr(log, "_write", lambda entries: sys.exit())  # which ends a thread
    log.append(Answered([row()]))
    eventually(lambda: not log.writable)
    assert isinstance(log.append(Answered([row()])).exception(0), code.log.LogUnavailable)


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_closing_takes_bounded_time(code: SimpleNamespace, server: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code.log, "CLOSE_S", 0.5)
    log = code.log.PredictionLog(server.create("closing"))
    server.stop()
    try:
        for _ in range(1500):
            log.append(Answered([row()]))
        started = threading.Thread(target=log.close, daemon=True)
        started.start()
        started.join(WAIT_S)
        assert not started.is_alive()
        assert (log.queued, log.dropped) == (0, 1500)
    finally:
        server.start()


FULL_DISK = """
import resource, sys, time, uuid
from logging_model.engineroom.serving.log import PredictionLog, Row, moment

class Answered(list):
    size = 0
    @staticmethod
    def rows(answered): return [[Row(**row) for row in one] for one in answered]

def row():
    filled = dict(prediction_id=uuid.uuid4().hex, role="champion", predicted_at=moment(), model_version="v")
    return filled | dict(record='{"x": "%s"}' % ("y" * 20_000), answer="{}", subject=None, raw=None)

def fails(log):
    return log.append(Answered([row()])).exception(20) is not None

def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)

file, policy = sys.argv[1:]
log = PredictionLog(file, policy=policy)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
if policy == "block":
    durable = 0
    while not fails(log):
        durable += 1
else:
    durable = 100
    for _ in range(durable):
        log.append(Answered([row()]))
    until(lambda: not log.writable)
    assert log.dropped == 0
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
until(lambda: log.writable and not log.queued)
if policy == "block":
    until(lambda: not fails(log))
    durable += 1
log.close()
print(durable, log.dropped)
"""


@pytest.mark.parametrize("policy", ["drop", "block"])
def test_a_full_disk_is_waited_out(source: Path, tmp_path: Path, policy: str) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "log.db"), policy]
    done = subprocess.run(command, env=environment(source.parent), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    durable, dropped = map(int, done.stdout.split())
    assert durable > 3 and dropped == 0
    # of an answer that was refused, the row may be there or not
    assert len(ids(str(tmp_path / "log.db"))) >= durable
    assert "the prediction log is down" in done.stderr and "is back" in done.stderr


# --- labels and age ------------------------------------------------------------------------------------------------


def test_labels_are_idempotent(code: SimpleNamespace, opened: Callable[..., Any], url: str) -> None:
    log, one, two, stranger = opened(url, policy="block"), row(), row(), uuid.uuid4().hex
    shadow = one | {"role": "shadow"}
    log.append(Answered([one, shadow, two])).result(WAIT_S)

    def label(*outcomes: tuple[dict[str, Any], str]) -> tuple[list[str], dict[str, str]]:
        unknown = log.feedback({found["prediction_id"]: outcome for found, outcome in outcomes})
        assert len(select(url, "SELECT * FROM feedback")) == len(set(select(url, "SELECT * FROM feedback")))
        return unknown, dict(select(url, "SELECT prediction_id, outcome FROM feedback"))

    first, second = one["prediction_id"], two["prediction_id"]
    assert label((one, "yes")) == ([], {first: "yes"})
    before = select(url, "SELECT received_at FROM feedback")
    assert label((one, "yes")) == ([], {first: "yes"})
    assert select(url, "SELECT received_at FROM feedback") == before, "the same label again changes nothing"
    assert label((one, "no"), (two, "yes"), ({"prediction_id": stranger}, "no")) == (
        [stranger],
        {first: "no", second: "yes"},
    )
    assert label((two, "yes"), (two, "no")) == ([], {first: "no", second: "no"})


def test_a_label_waits_for_the_row_of_its_prediction(
    code: SimpleNamespace, opened: Callable[..., Any], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code.log, "LINGER_S", WAIT_S)  # nobody but the label asks for the rows
    log, known, queued, stranger = opened(url), row(), row(), uuid.uuid4().hex
    for found in (known, queued):
        log.append(Answered([found]))
        assert log.feedback({found["prediction_id"]: "yes", known["prediction_id"]: "no", stranger: "no"}) == [stranger]
    labels = dict(select(url, "SELECT prediction_id, outcome FROM feedback"))
    assert labels == {known["prediction_id"]: "no", queued["prediction_id"]: "yes"}


def test_a_label_does_not_wait_for_a_writer_that_hangs(
    code: SimpleNamespace, opened: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, leave, describe = opened(str(tmp_path / "log.db")), threading.Event(), code.log._describe
    monkeypatch.setattr(code.log, "FLUSH_S", 0.1)
    monkeypatch.setattr(code.log, "_describe", lambda entries: leave.wait() and describe(entries))
    log.append(Answered([found := row()]))
    unknown: list[str] = []
    label = threading.Thread(target=lambda: unknown.extend(log.feedback({found["prediction_id"]: "yes"})))
    label.start()
    label.join(WAIT_S)
    waits = label.is_alive()
    leave.set()
    label.join()
    assert unknown == [found["prediction_id"]] and not waits


def test_a_label_of_a_prediction_that_is_being_deleted_is_not_left_behind(
    opened: Callable[..., Any], server: PostgreSQL
) -> None:
    log, found = opened(url := server.create("expiring"), policy="block"), row()
    log.append(Answered([found])).result(WAIT_S)
    unknown: list[str] = []
    label = threading.Thread(target=lambda: unknown.extend(log.feedback({found["prediction_id"]: "yes"})))
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("DELETE FROM predictions")
        label.start()
        eventually(lambda: not label.is_alive() or select(url, waits))
    label.join(WAIT_S)
    assert unknown == [found["prediction_id"]] and not select(url, "SELECT * FROM feedback")


def test_old_predictions_and_their_labels_go(
    code: SimpleNamespace, opened: Callable[..., Any], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code.log, "EXPIRE_ROWS", 10)  # several rounds
    now = time.time()
    old, new = [row(now - 31 * DAY_S) for _ in range(35)], [row(now - 29 * DAY_S) for _ in range(5)]
    first = code.log.PredictionLog(url, policy="block")
    first.append(Answered([*old, *new])).result(WAIT_S)
    first.feedback({found["prediction_id"]: "yes" for found in (old[0], new[0])})
    first.close()
    assert len(ids(url)) == 40, "without a retention all is kept"
    opened(url, retention_days=30)
    kept = {found["prediction_id"] for found in new}
    eventually(lambda: ids(url) == kept)
    assert select(url, "SELECT prediction_id FROM feedback") == [(new[0]["prediction_id"],)]


@pytest.mark.parametrize("jump", [+3650 * DAY_S, -3650 * DAY_S])
def test_a_clock_that_jumps_deletes_nothing_too_early(
    code: SimpleNamespace, opened: Callable[..., Any], url: str, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code.log, "EXPIRE_S", 0.2)
    log = opened(url, policy="block", retention_days=30)
    young, aged = row(time.time() - 29 * DAY_S), row(time.time() - 31 * DAY_S)
    clock = time.time
    monkeypatch.setattr(code.log.time, "time", lambda: clock() + jump)
    log.append(Answered([young, aged])).result(WAIT_S)
    if jump > 0:
        eventually(lambda: ids(url) == {young["prediction_id"]})
    time.sleep(1)  # several rounds
    assert young["prediction_id"] in ids(url)


def test_a_clock_that_is_wrong_from_the_start_deletes_nothing_where_the_database_knows_better(
    code: SimpleNamespace,
    opened: Callable[..., Any],
    server: PostgreSQL,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(code.log, "EXPIRE_S", 0.2)
    url, young, aged = server.create("wrong"), row(time.time() - 29 * DAY_S), row(time.time() - 31 * DAY_S)
    clock = time.time
    monkeypatch.setattr(code.log.time, "time", lambda: clock() + 3650 * DAY_S)
    opened(url, policy="block", retention_days=30).append(Answered([young, aged])).result(WAIT_S)
    eventually(lambda: ids(url) == {young["prediction_id"]})
    time.sleep(1)  # several rounds
    assert ids(url) == {young["prediction_id"]}
    assert "clocks differ" in caplog.text and "of the database" in caplog.text


# --- the service ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def project(trained: Render) -> Path:
    return trained(task="classification")


@pytest.fixture(scope="session")
def record(project: Path) -> dict[str, Any]:
    rows = rows_of(project / "data/raw/customers.csv")
    found = next(row for row in rows if row["account_status"] == "active")
    return {name: value for name, value in found.items() if name != "churned"}


def loaded(port: int, record: dict[str, Any], acknowledged: list[str], stop: threading.Event) -> None:
    """Sends records one after the other, and notes each id once its whole answer is there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    body = json.dumps(record)
    while not stop.is_set():
        try:
            connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException):
            return  # it was killed
        assert response.status == 200, answer
        acknowledged.append(answer["prediction_id"])


def under_load(services: list[Service], record: dict[str, Any], then: Callable[[], None]) -> list[str]:
    """The ids that services acknowledged until some of them were killed, and the others had answered more."""
    acknowledged: list[list[str]] = [[] for _ in range(4 * len(services))]
    stop = threading.Event()
    threads = [
        threading.Thread(target=loaded, args=(service.port, record, acknowledged[4 * number + client], stop))
        for number, service in enumerate(services)
        for client in range(4)
    ]
    for thread in threads:
        thread.start()
    eventually(lambda: min(map(len, acknowledged)) > 40)
    then()
    stop.set()
    for thread in threads:
        thread.join(WAIT_S)
    return [id_ for found in acknowledged for id_ in found]


@pytest.mark.slow
def test_what_block_acknowledged_survives_a_kill(project: Path, record: dict[str, Any], tmp_path: Path) -> None:
    with Service(project, tmp_path / "log.db", SERVICE_PREDICTION_LOG_POLICY="block") as service:
        acknowledged = under_load([service], record, service.kill)
    assert len(acknowledged) == len(set(acknowledged)) > 160
    assert set(acknowledged) <= ids(str(tmp_path / "log.db"))
    with Service(project, tmp_path / "log.db", SERVICE_PREDICTION_LOG_POLICY="block") as service:
        assert post(service.url, record)[0] == 200


@pytest.mark.slow
def test_batches_are_answered_no_faster_than_they_are_logged(
    project: Path, record: dict[str, Any], tmp_path: Path
) -> None:
    """Two batches fit into the queue: more of them wait for room, and none is dropped."""
    log, answered = tmp_path / "log.db", []
    with Service(project, log, SERVICE_PREDICTION_LOG_CAPACITY="2000") as service:

        def ask() -> None:
            for _ in range(6):
                status, answer = post(service.url, {"records": [record] * 1_000}, "/predict/batch")
                assert status == 200
                answered.extend(one["prediction_id"] for one in answer["predictions"])

        clients = [threading.Thread(target=ask) for _ in range(4)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        health = get(f"{service.url}/health")
    assert (health["status"], health["log_rows_dropped"]) == ("ok", 0)
    assert len(answered) == 24_000 and set(answered) == ids(str(log))


@pytest.mark.slow
def test_two_services_share_a_postgresql_and_one_is_killed(
    project: Path, record: dict[str, Any], server: PostgreSQL, tmp_path: Path
) -> None:
    url = server.create("two")
    with (
        Service(project, url, SERVICE_PREDICTION_LOG_POLICY="block") as one,
        Service(project, url, SERVICE_PREDICTION_LOG_POLICY="block") as two,
    ):
        acknowledged = under_load([one, two], record, one.kill)
    assert len(acknowledged) == len(set(acknowledged)) > 320
    assert set(acknowledged) <= ids(url)
    arguments = ["-m", "customer_model", "drift", "--out", str(tmp_path)]
    drift = run(project, "python", *arguments, ok=False, SERVICE_PREDICTION_LOG=url, **UNTOUCHED)
    assert f"DRIFT in {len(ids(url)):,} records" in drift.stdout, "all of them are one and the same"


@pytest.mark.slow
def test_a_dead_database_is_a_503_in_block_and_nothing_in_drop(
    project: Path, record: dict[str, Any], server: PostgreSQL
) -> None:
    block, drop = server.create("in_block"), server.create("in_drop")
    with Service(project, block, SERVICE_PREDICTION_LOG_POLICY="block") as blocking, Service(project, drop) as dropping:
        assert post(blocking.url, record)[0] == post(dropping.url, record)[0] == 200
        server.stop()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", blocking.port, timeout=WAIT_S)
            connection.request("POST", "/predict", json.dumps(record), {"Content-Type": "application/json"})
            response = connection.getresponse()
            problem = json.loads(response.read())
            assert response.status == problem["status"] == 503
            assert response.headers["content-type"] == "application/problem+json"
            assert int(response.headers["retry-after"]) >= 1
            answered = [post(dropping.url, record) for _ in range(5)]
            assert [status for status, _ in answered] == [200] * 5
        finally:
            server.start()
        eventually(lambda: post(blocking.url, record)[0] == 200)
        eventually(lambda: {answer["prediction_id"] for _, answer in answered} <= ids(drop))


@pytest.mark.slow
def test_labels_arrive_over_http_and_persons_stay_out_of_the_log(
    project: Path, record: dict[str, Any], tmp_path: Path
) -> None:
    log = tmp_path / "log.db"
    somebody = {"customer_id": "somebody-4711", "email": "somebody-4711@example.com"}
    with Service(project, log, SERVICE_PREDICTION_LOG_POLICY="block") as service:
        made = [post(service.url, record | somebody)[1]["prediction_id"] for _ in range(3)]
        label = {"prediction_id": made[0], "outcome": "yes"}
        stranger = {"prediction_id": "0" * 31 + "1", "outcome": "no"}
        for _ in range(2):
            assert post(service.url, label, "/feedback") == (200, {"stored": 1, "unknown": []})
        several = {"labels": [label | {"outcome": "no"}, stranger, {"prediction_id": made[1], "outcome": "no"}]}
        assert post(service.url, several, "/feedback") == (200, {"stored": 2, "unknown": [stranger["prediction_id"]]})
        assert post(service.url, stranger, "/feedback")[0] == 404
        for wrong, pointer in [
            (label | {"outcome": "maybe"}, "/outcome"),
            (label | {"prediction_id": "x"}, "/prediction_id"),
            ({"labels": [label, {"prediction_id": made[1]}]}, "/labels/1/outcome"),
            ({"labels": []}, "/labels"),
        ]:
            status, problem = post(service.url, wrong, "/feedback")
            assert status == 422 and problem["errors"][0]["pointer"] == pointer
        files = b"".join(path.read_bytes() for path in tmp_path.glob("log.db*"))
    assert dict(select(str(log), "SELECT prediction_id, outcome FROM feedback")) == {made[0]: "no", made[1]: "no"}
    files += log.read_bytes()
    assert made[0].encode() in files and b"somebody-4711" not in files
