"""Text that would be SQL if anybody pasted it into a statement, in every column and every argument of the queue."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from acqs_core.action import LINE_COLUMNS, NewAction, Outcome, Row, Status
from acqs_core.queue.tables import metadata
from acqs_core.queue.types import JournalEntry, OutcomeRecord, Transition
from tests.contract.backend import Backend

HOSTILE = "');KI\\'\"`%s:b--"
"""15 characters, so that every column holds them: each of them ends, begins or escapes something somewhere."""

COLUMNS = ("uniqueid", "channel", "action", "callerid", *LINE_COLUMNS)


@contextlib.contextmanager
def statements() -> Iterator[list[str]]:
    """The text of every statement that is executed meanwhile."""
    texts: list[str] = []

    def note(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        texts.append(text)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield texts
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def produced(backend: Backend, server_ip: str, text: str) -> int:
    """INSERT as a producer who binds his values: this text in every column that takes text."""
    names = ", ".join(COLUMNS)
    backend.sql(
        f"INSERT INTO vicidial_manager (entry_date, status, response, server_ip, {names}) "
        f"VALUES ('2026-01-01 00:00:00', 'NEW', 'N', ?, {', '.join('?' * len(COLUMNS))})",
        server_ip, *[text] * len(COLUMNS),
    )  # fmt: skip
    return int(backend.sql("SELECT MAX(man_id) FROM vicidial_manager")[0][0])


def texts_of(row: Row) -> set[str]:
    return {row.uniqueid, row.channel, row.action, row.callerid, *row.lines}


def test_hostile_text_is_data_in_every_column_and_every_argument(backend: Backend) -> None:
    innocent = produced(backend, "10.0.0.9", "innocent")
    with statements() as executed:
        _live(backend, HOSTILE)
    assert len(executed) > 30
    assert [one for one in executed if HOSTILE in one] == [], "a value became part of a statement"
    for table in metadata.tables:
        backend.sql(f"SELECT COUNT(*) FROM {table}")
    assert texts_of(backend.row(innocent)) == {"innocent"}
    assert backend.row(innocent).status is Status.NEW


def _live(backend: Backend, text: str) -> None:
    """Everything that can be asked of a queue, with this text wherever text goes."""
    server_ip = text
    store, leases = backend.store(server_ip), backend.leases()
    grant = leases.acquire(server_ip, "sender", text, 60.0)
    assert grant is not None
    assert leases.renew(grant, 60.0, text)
    assert [lease.holder for lease in leases.view(server_ip)] == [text]
    made = [produced(backend, server_ip, text) for _ in range(4)]
    made.append(store.insert(NewAction(text, text, (text,) * 10), actor=text, origin=text))
    assert all(text in texts_of(row) for row in store.by_ids(made))
    first, second, third, fourth, fifth = (row.man_id for row in store.claim(grant.token, 10))
    assert store.reject(first, grant.token, Outcome.INVALID, text)
    assert store.mark_sent(second, grant.token)
    assert store.unsend(second, grant.token)
    store.release_queue(grant.token)
    assert {row.man_id for row in store.claim(grant.token, 10)} == {second, third, fourth, fifth}
    assert store.mark_sent(third, grant.token)
    store.apply([Transition(third, Status.UPDATED, text, text, answered=True)])
    store.record(
        [OutcomeRecord(third, Outcome.FAILED, message=text, channel=text, uniqueid=text)],
        [JournalEntry(third, text, text, text)],
    )
    (updated,) = store.by_ids([third])
    assert (updated.channel, updated.uniqueid) == (text, text)
    store.dead_callerids({text})
    store.candidates([text])
    store.requeue([fourth], grant.token)
    store.discard(fourth, actor=text)
    store.retry(fifth, actor=text, force=True)
    store.pause(actor=text, reason=text)
    assert (store.control().actor, store.control().reason) == (text, text)
    assert [one.control.reason for one in store.servers() if one.server_ip == server_ip] == [text]
    assert store.timeline(third).outcome is not None
    assert any(entry.detail == text for entry in store.timeline(third).journal)
    store.counts(server_ip=server_ip)
    store.page(status=Status.NEW)
    store.newer(0)
    store.unknown(0.0)
    store.alive()
    store.unanswered_callerids()
    store.ahead(updated)
    list(itertools.islice(store.waiting(), 5))
    list(store.discard_older(0.0, actor=text))
    store.resume(actor=text)
    list(itertools.islice(store.purge(0.0), 5))
    leases.release(grant)
