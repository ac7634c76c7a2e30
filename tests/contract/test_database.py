"""The way to the database: what is retried, what is "away", what is refused; and a server that dies or stalls."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from acqs_core.action import Status
from acqs_core.errors import QueueError, QueueUnavailable, SettingsError
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.queue.store import Store
from acqs_core.queue.types import Transition
from tests.contract.backend import SERVER_IP, Backend, hangup, originate, sent


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "not a database url"),
        ("nonsense", "not a database url"),
        ("postgresql://u:hunter2@h/d", "postgresql"),
        ("mysql://acqs:hunter2@127.0.0.1:3306", "names no database"),
        ("mysql://acqs:hunter2@127.0.0.1:port/asterisk", "not a database url"),
        ("sqlite://", "needs a file"),
    ],
)
def test_a_url_that_cannot_work_is_refused_without_showing_its_secret(url: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        Database(url)
    assert "hunter2" not in str(refused.value)


def test_a_server_that_gives_no_record_where_there_is_always_one_is_taken_for_away(backend: Backend) -> None:
    """As one may that has just been started again; what is away is waited for, and ends no engine."""
    with pytest.raises(QueueUnavailable, match="did not answer as it must"):
        backend.db.run(lambda connection: connection.execute(sa.text("SELECT 1 WHERE 1 = 0")).one())


def test_a_secret_is_in_no_representation() -> None:
    db = Database("mysql://acqs:hunter2@127.0.0.1:1/asterisk")
    assert "hunter2" not in repr(db)
    with pytest.raises(QueueUnavailable) as away:
        db.run(lambda connection: None)
    assert "hunter2" not in str(away.value)


def test_every_connection_is_strict_in_autocommit_and_waits_less_than_it_reads(served: Backend) -> None:
    (settings,) = served.db.records(sa.text(
        "SELECT @@autocommit, @@innodb_lock_wait_timeout, @@lock_wait_timeout, @@sql_mode, @@character_set_connection"
    ), {})  # fmt: skip
    assert settings == (1, 1, 1, "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION", "utf8mb4")


def test_a_call_is_one_statement_without_commit_or_rollback(served: Backend) -> None:
    store, token = served.store(), served.grant().token
    man_ids = store.insert_many([hangup() for _ in range(20)])
    store.claim(token, 20)
    with served.connection() as watcher:
        seen = _commands(watcher)
        for man_id in man_ids:
            assert store.mark_sent(man_id, token)
        now = _commands(watcher)
    changed = {name: now[name] - seen[name] for name in now if now[name] != seen[name]}
    assert changed.pop("Com_update") == 20
    assert not set(changed) & {"Com_commit", "Com_rollback", "Com_begin", "Com_set_option"}
    assert changed.get("Com_select", 0) == 0


def _commands(watcher: Any) -> dict[str, int]:
    with watcher.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Com\\_%'")
        return {str(name): int(value) for name, value in cursor.fetchall()}


def test_a_deadlock_is_retried_whole_until_the_statement_has_its_effect(served: Backend) -> None:
    store, token = served.store(), served.grant().token
    low, high = sent(store, token, originate()), sent(store, token, originate())
    before = _deadlocks(served)
    with served.connection() as other, other.cursor() as cursor:
        # The other holds `high` and then wants `low`; our batch holds `low` and wants `high`.
        cursor.execute("BEGIN")
        cursor.execute("UPDATE vicidial_manager SET callerid = 'held' WHERE man_id > %s", (low,))
        weight = ", ".join(["('', UTC_TIMESTAMP(), 'weight', '')"] * 50)  # the lighter transaction is the victim: ours
        cursor.execute(f"INSERT INTO acqs_journal (server_ip, at, event, detail) VALUES {weight}")
        batch = [Transition(low, Status.DEAD), Transition(high, Status.DEAD)]
        thread = threading.Thread(target=store.apply, args=(batch,))
        thread.start()
        _wait_for_a_lock_wait(served)
        cursor.execute("UPDATE vicidial_manager SET callerid = 'held' WHERE man_id = %s", (low,))
        cursor.execute("COMMIT")
        thread.join()
    assert _deadlocks(served) == before + 1
    assert [(row.status, row.callerid) for row in store.by_ids([low, high])] == [(Status.DEAD, "held")] * 2


def _deadlocks(backend: Backend) -> int:
    assert backend.server is not None
    counted = {
        "MariaDB": "SELECT variable_value FROM information_schema.global_status WHERE variable_name='Innodb_deadlocks'",
        "MySQL": "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'",
    }
    return int(backend.server.client(counted[backend.server.PRODUCT]))


def _wait_for_a_lock_wait(backend: Backend) -> None:
    with backend.connection() as connection, connection.cursor() as cursor:
        for _ in range(2000):
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")
            if cursor.fetchone() != ("Innodb_row_lock_current_waits", "0"):
                return
    raise AssertionError("nobody waits for a lock")


def test_a_lock_wait_is_retried_and_then_the_queue_is_unavailable(served: Backend) -> None:
    store, token = served.store(), served.grant().token
    man_id = store.insert(hangup())
    store.claim(token, 1)
    with served.connection() as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM vicidial_manager WHERE man_id = %s FOR UPDATE", (man_id,))
        with pytest.raises(QueueUnavailable, match="still locked by others after 2 tries"):
            store.mark_sent(man_id, token)
        cursor.execute("ROLLBACK")
    assert served.status(man_id) == "QUEUE"
    assert store.mark_sent(man_id, token)


def test_what_the_database_refuses_is_not_retried_and_says_why(served: Backend) -> None:
    tries = []

    def work(connection: sa.Connection) -> None:
        tries.append(connection)
        connection.execute(sa.text("SELECT nonsense FRAM nothing"))

    with pytest.raises(QueueError, match="SQL syntax") as refused:
        served.db.run(work)
    assert not isinstance(refused.value, QueueUnavailable)
    assert len(tries) == 1


def test_a_killed_connection_is_unavailable_once_and_the_next_call_works(served: Backend) -> None:
    assert served.server is not None
    store = served.store()
    store.insert(hangup())
    running = threading.Event()

    def work(connection: sa.Connection) -> None:
        number = connection.execute(sa.text("SELECT CONNECTION_ID()")).scalar()
        running.set()
        assert served.server is not None
        served.server.client(f"KILL {number}")
        connection.execute(sa.text("SELECT 1"))

    with pytest.raises(QueueUnavailable, match="not known"):
        served.db.run(work)
    assert running.is_set()
    assert store.counts()[Status.NEW] == 1


def test_a_restart_in_mid_statement_is_unavailable_and_the_next_call_works(served: Backend) -> None:
    server = served.server
    assert server is not None
    store, token = served.store(), served.grant().token
    man_id = store.insert(hangup())
    store.claim(token, 1)
    with served.connection() as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM vicidial_manager WHERE man_id = %s FOR UPDATE", (man_id,))
        failures: list[BaseException] = []

        def mark() -> None:
            try:
                store.mark_sent(man_id, token)
            except QueueError as error:
                failures.append(error)

        thread = threading.Thread(target=mark)
        thread.start()
        _wait_for_a_lock_wait(served)
        server.kill()
        thread.join()
        assert [type(error) for error in failures] == [QueueUnavailable]
        with pytest.raises(QueueUnavailable):
            store.counts()
        server.start()
    assert served.status(man_id) == "QUEUE"
    assert store.mark_sent(man_id, token)
    assert store.counts()[Status.SENT] == 1


def test_a_statement_whose_reply_was_lost_has_no_effect_after_the_next_call(served: Backend) -> None:
    """The server is stopped with our SENT → NEW in its buffer; when it wakes the row must not go back again."""
    server = served.server
    assert server is not None
    store, token = served.store(), served.grant().token
    man_id = sent(store, token, hangup())
    with served.connection() as holder, holder.cursor() as cursor:
        # Held, the statement is certainly not over when the server wakes.
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM acqs_lease FOR UPDATE")
        server.freeze()
        try:
            with pytest.raises(QueueUnavailable, match="not known"):
                store.unsend(man_id, token)
        finally:
            server.thaw()
        store.counts()
        ours = served.sql(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE vicidial_manager SET%'"
        )
        cursor.execute("ROLLBACK")
    assert ours == [(0,)]
    assert served.status(man_id) == "SENT"


def test_what_other_sessions_say_meanwhile_keeps_nobody_from_connecting(served: Backend) -> None:
    """MySQL cannot show who is connected while a statement with an emoji runs."""
    with served.connection() as other, other.cursor() as cursor, ThreadPoolExecutor(1) as threads:
        cursor.execute("SET NAMES utf8mb4")
        talking = threads.submit(cursor.execute, "SELECT SLEEP(0.3), '\N{TELEPHONE RECEIVER}'")
        while not talking.done():
            assert served.store(apart=True).counts()[Status.NEW] == 0


def test_a_sqlite_file_serves_several_pools_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'queue.sqlite3'}"
    schema.init(Database(url))
    stores = [Store(Database(url), SERVER_IP) for _ in range(4)]
    failures: list[BaseException] = []

    def work(store: Store) -> None:
        try:
            for _ in range(25):
                store.discard(store.insert(hangup()), actor="ann")
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert stores[0].counts()[Status.DEAD] == 100


def test_a_locked_sqlite_file_is_unavailable(tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    path = tmp_path / "queue.sqlite3"
    db = Database(f"sqlite:///{path}")
    schema.init(db)
    store = Store(db, SERVER_IP)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(QueueUnavailable, match="locked"):
            store.insert(hangup())
        other.execute("ROLLBACK")
    assert store.insert(hangup()) == 1
