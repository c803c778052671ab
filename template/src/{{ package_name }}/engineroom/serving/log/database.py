"""The tables of the prediction log, and how its database is opened: SQLite by default, PostgreSQL in production."""

import json
import logging
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from ...contract import UserError

log = logging.getLogger(__name__)

HEAD = "0002"  # the newest of `migrations/versions`: reading it from there would import Alembic
LOCK = 7_316_253_902  # PostgreSQL's advisory locks are numbers; this one means: migrating the prediction log
CONNECT_S, STATEMENT_S = 3, 5
SAMPLE_S = 300  # drift may read for long
DAY_S = 86_400
RANDOM_FROM = 13  # digit of a prediction's id; those before tell the time

Result = TypeVar("Result")


class Row(NamedTuple):
    """A row of `predictions`, its columns in their order."""

    prediction_id: str
    role: str
    predicted_at: str
    model_version: str
    record: str
    answer: str
    subject: str | None = None
    raw: str | None = None


# ISO 8601 in UTC with milliseconds, a form that sorts as text; PostgreSQL reads it as what it is.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(), "sqlite")
KNOWN = sa.text("subject IS NOT NULL")
metadata = sa.MetaData()
predictions = sa.Table(
    "predictions",
    metadata,
    sa.Column("prediction_id", sa.String(32), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("predicted_at", MOMENT, nullable=False),
    sa.Column("model_version", sa.Text, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("subject", sa.Text),
    sa.Column("raw", sa.Text),
    sa.PrimaryKeyConstraint("prediction_id", "role", name="predictions_key"),
    sa.Index("predictions_by_time", "predicted_at"),
    sa.Index("predictions_by_subject", "subject", sqlite_where=KNOWN, postgresql_where=KNOWN),
)
feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("prediction_id", sa.String(32), nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("received_at", MOMENT, nullable=False),
    sa.PrimaryKeyConstraint("prediction_id", name="feedback_key"),
)
# Alembic's own table, not by its default name, which MLflow has in its own database
version = sa.Table("predictions_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))
# One statement and one parameter for any number of rows: a third of the CPU time that `executemany` takes.
INSERT_POSTGRESQL = (
    "INSERT INTO predictions SELECT * FROM json_populate_recordset(NULL::predictions, %s::json) ON CONFLICT DO NOTHING"
)
INSERT_SQLITE = "INSERT INTO predictions (" + ", ".join(Row._fields) + ") VALUES {} ON CONFLICT DO NOTHING"
TOGETHER = 512  # rows a statement in SQLite: for each statement, another thread may take Python's lock away


def moment(at: float | None = None) -> str:
    """A time in seconds since 1970, by default now, as the log keeps it."""
    at = time.time() if at is None else at
    second = int(at)
    return f"{_second(second)}.{int(1000 * (at - second)):03d}+00:00"


@lru_cache(64)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def url_of(log: str) -> URL:
    """SERVICE_PREDICTION_LOG, a URL or the path of a SQLite file, as SQLAlchemy takes it. Raises UserError."""
    if "://" not in log:
        return URL.create("sqlite", database=log)
    try:
        url = make_url(log)
    except (ArgumentError, ValueError):
        raise UserError("SERVICE_PREDICTION_LOG is neither a path nor postgresql://user:password@host/db") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise UserError(f"SERVICE_PREDICTION_LOG: {url.drivername} is not supported, sqlite and postgresql are")
    return url


def connect(url: URL, *, durable: bool = True, exists: bool = False) -> Engine:
    """An engine whose connecting and statements are bounded in time; it connects when it is first used.

    Args:
        durable: a committed row survives a power cut; otherwise SQLite may lose the last ones.
        exists: fail where there is no SQLite file, instead of making one.
    """
    if url.get_backend_name() == "postgresql":
        options = f"-c statement_timeout={STATEMENT_S}s {url.query.get('options', '')}"
        url = url.update_query_dict({"connect_timeout": str(CONNECT_S), "options": options, "client_encoding": "utf8"})
        # of a peer that vanished without a word, the kernel learns after so many milliseconds
        given = {"keepalives_idle": 5, "keepalives_interval": 2, "tcp_user_timeout": 1000 * STATEMENT_S}
        return sa.create_engine(url, connect_args=given, pool_size=3, max_overflow=0, pool_timeout=STATEMENT_S)
    if exists:
        # rw, not ro: a service that was killed leaves changes beside the file, which the next reader has to take in
        file = Path(url.database or "").resolve().as_uri()
        url = url.set(database=file).update_query_dict({"mode": "rw", "uri": "true"})
    engine = sa.create_engine(url, connect_args={"timeout": STATEMENT_S})

    @sa.event.listens_for(engine, "connect")
    def _(connection: Any, record: Any) -> None:
        if not exists:
            keep_private(connection.execute("PRAGMA database_list").fetchone()[2])
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")

    return engine


def keep_private(file: str) -> None:
    """Let nobody but its owner read a SQLite file that is new, or that everybody could read, and what lies beside it.

    SQLite gives files that it makes beside one the same mode. A mode that leaves out others is somebody's decision.
    """
    for path in (Path(file), Path(f"{file}-wal"), Path(f"{file}-shm")):
        if path.is_file():
            found = path.stat()
            if found.st_size == 0 or found.st_mode & stat.S_IRWXO:
                try:
                    path.chmod(0o600)
                except PermissionError:
                    log.warning("everybody may read %s, and only its owner can change that", path)


def transact(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    """What `work` returns, committed. A connection that broke while nobody looked is replaced once.

    So `work` may run twice, and must not mind.
    """
    try:
        with engine.begin() as connection:
            return work(connection)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    with engine.begin() as connection:
        return work(connection)


def insert(connection: Connection, rows: Sequence[Row]) -> None:
    """Rows of `predictions`; those that are there already are left alone."""
    if connection.dialect.name == "sqlite":
        start = 0
        while start < len(rows):
            # Numbers of rows that are powers of two: each other number is a statement that SQLite keeps, up to 1 MB.
            size = min(TOGETHER, 1 << (len(rows) - start).bit_length() - 1)
            part = rows[start : start + size]
            start += size
            values = ", ".join([f"({', '.join('?' * len(Row._fields))})"] * len(part))
            connection.exec_driver_sql(INSERT_SQLITE.format(values), tuple(chain.from_iterable(part)))
    else:
        content = json.dumps([row._asdict() for row in rows], ensure_ascii=False)
        connection.exec_driver_sql(INSERT_POSTGRESQL, (content,))


def probe(connection: Connection) -> None:
    """Raises DBAPIError, now or when it is committed, unless rows can be written."""
    nobody = Row("0" * 32, "", moment(), "", "", "")
    insert(connection, [nobody])
    connection.execute(predictions.delete().where(predictions.c.prediction_id == nobody.prediction_id))


def ping(connection: Connection) -> None:
    """Raises DBAPIError unless the database answers."""
    connection.exec_driver_sql("SELECT 1")


def clock(connection: Connection) -> float:
    """The time in seconds since 1970 where the database runs."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one())


def label(connection: Connection, outcomes: Mapping[str, str]) -> list[str]:
    """Store the outcomes of predictions, by id; the same again changes nothing. Returns the ids that are not known."""
    ids = predictions.c.prediction_id
    # held until the label is there, so that `expire` does not leave it behind
    held = sa.select(ids).where(ids.in_(outcomes)).with_for_update(read=True, key_share=True)
    known = set(connection.scalars(held))
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    new = dialect.insert(feedback)
    upsert = new.on_conflict_do_update(
        index_elements=[feedback.c.prediction_id],
        set_={"outcome": new.excluded.outcome, "received_at": new.excluded.received_at},
        where=feedback.c.outcome != new.excluded.outcome,
    )
    now = moment()
    rows = [{"prediction_id": id_, "outcome": outcomes[id_], "received_at": now} for id_ in sorted(known)]
    if rows:
        connection.execute(upsert, rows)
    return [id_ for id_ in outcomes if id_ not in known]


def expire(connection: Connection, before: str, most: int) -> int:
    """Delete at most `most` of the predictions made before a moment, with their labels. Returns how many there were."""
    old = sa.select(predictions.c.prediction_id).where(predictions.c.predicted_at < sa.literal(before, MOMENT))
    # those that another replica is deleting are its business
    ids = list(
        connection.scalars(old.order_by(predictions.c.predicted_at).limit(most).with_for_update(skip_locked=True))
    )
    for table in (feedback, predictions):
        connection.execute(table.delete().where(table.c.prediction_id.in_(ids)))
    return len(ids)


def sample(connection: Connection, model_version: str, most: int) -> Sequence[str]:
    """Records that one model answered as champion, as JSON: those of the last day that has any, or the newest ones.

    Of a day with more than `most` records some are drawn. Ids end in random digits, so their order by these is a draw,
    the same each time, for which the database keeps no more records than it gives.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{SAMPLE_S}s'")
    ours = (predictions.c.role == "champion", predictions.c.model_version == model_version)
    last = connection.scalar(sa.select(sa.func.max(predictions.c.predicted_at)).where(*ours))
    if last is None:
        return []
    end = last if isinstance(last, datetime) else datetime.fromisoformat(last)
    of_the_day = (*ours, predictions.c.predicted_at >= sa.literal(moment(end.timestamp() - DAY_S), MOMENT))
    records = sa.select(predictions.c.record).limit(most)
    if (connection.scalar(sa.select(sa.func.count()).select_from(predictions).where(*of_the_day)) or 0) > most:
        drawn = sa.func.substr(predictions.c.prediction_id, RANDOM_FROM)
        return connection.scalars(records.where(*of_the_day).order_by(drawn)).all()
    return connection.scalars(records.where(*ours).order_by(predictions.c.predicted_at.desc())).all()


def migrate(engine: Engine) -> None:
    """Bring the tables to this version of the code, or make them.

    Raises:
        UserError: they are of a newer version.
        DBAPIError: the database cannot be reached or changed.
    """
    try:
        with engine.connect() as connection:
            if connection.scalar(sa.select(version.c.version_num)) == HEAD:
                return
    except DBAPIError:
        pass  # there is no such table yet; whatever else it is, comes up again below
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # others may be migrating for long
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        if {predictions.name, version.name}.isdisjoint(sa.inspect(connection).get_table_names()):
            metadata.create_all(connection)  # what all migrations lead to
            version.create(connection)
            connection.execute(version.insert().values(version_num=HEAD))
        else:
            upgrade(connection)


def upgrade(connection: Connection) -> None:
    """Run the migrations that these tables have not seen. Raises UserError when they are of a newer version."""
    from alembic import command  # takes 0.2 s and 8 MB, and only the first start of a release needs it
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": connection, "version_table": version.name})
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise UserError(f"the prediction log's tables are newer than this service ({error})") from None
