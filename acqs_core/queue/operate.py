"""Operators' deeds: discard, retry, pause, resume, each guarded by what the operator saw and in the journal at once.

A retry never revives a row: it ends the old one and inserts a copy, so that "sent at most once" stays a fact about
every row. Whoever retries an action whose outcome is unknown is told that it may call twice.
"""

from __future__ import annotations

import secrets

from acqs_core.action import LINE_COLUMNS, Outcome, Row, Status
from acqs_core.errors import NotFound, Refused
from acqs_core.queue import rows
from acqs_core.queue.browse import Browsing
from acqs_core.queue.database import Database, statement
from acqs_core.queue.ending import Endings
from acqs_core.queue.layout import TABLE
from acqs_core.queue.types import Control, JournalEntry, Timeline

RETRIED = "retried"
"""The journal's event for an action of which a copy was inserted."""

RETRYING = "retrying"
"""The journal's event before a copy is inserted: alone, it tells of a retry that may have been cut short."""

_WRITTEN = ("sent", "unanswered")
"""The journal's events for a row that was or may have been written."""

_DISCARDABLE = (Status.NEW, Status.QUEUE, Status.SENT)


class Operations(Endings, Browsing):
    """What a person does to the queue; `actor` is who."""

    def __init__(self, db: Database, server_ip: str, *, serve_blank: bool = False) -> None:
        super().__init__(db, server_ip, serve_blank=serve_blank)
        copied = ", ".join(("server_ip", "action", "callerid", *LINE_COLUMNS))
        # Copied by the server itself, so that no character set on the way can change a letter of it.
        self._copy = statement(
            f"INSERT INTO {TABLE} (uniqueid, entry_date, status, response, channel, {copied}) "
            f"SELECT '', {db.words.local_now}, 'NEW', 'N', '', {copied} FROM {TABLE} WHERE man_id = :man_id"
        )
        incoming = db.words.incoming
        self._set_control = statement(
            "INSERT INTO acqs_control (server_ip, paused, actor, reason, at) "
            f"VALUES (:server_ip, :paused, :actor, :reason, {db.words.utc_now}) {db.words.on_conflict('server_ip')} "
            + ", ".join(f"{column} = {incoming(column)}" for column in ("paused", "actor", "reason", "at"))
        )
        self._control = statement("SELECT paused, actor, reason, at FROM acqs_control WHERE server_ip = :server_ip")

    def discard(self, man_id: int, *, actor: str, expect: Status | None = None) -> None:
        """NEW, QUEUE or SENT → DEAD, outcome discarded. `expect` is the status the operator saw (else it is looked up).

        Discarding a SENT row stops nothing at Asterisk. Raises NotFound; Refused, saying what the row is now.
        """
        row = self._one(man_id)
        self._refuse_foreign(row)
        seen = expect or row.status
        if seen not in _DISCARDABLE:
            raise Refused(f"action {man_id} is {seen}; only NEW, QUEUE and SENT actions can be discarded")
        self._discard(man_id, seen, actor, "discarded")

    def retry(self, man_id: int, *, actor: str, force: bool = False, expect: Status | None = None) -> int:
        """End the action if it has not ended, insert a copy as NEW, link both in the journal; the copy's man_id.

        `expect` is the status the operator saw. Raises NotFound, and Refused: for an action that is not `expect` by
        now, for one whose call is up, and, without `force`, for one that may have been carried out (SENT, and not known
        to have failed) or was retried before, because that may call twice.
        """
        shown = self.timeline(man_id)
        row = shown.row
        self._refuse_foreign(row)
        if expect is not None and row.status is not expect:
            raise Refused(f"action {man_id} is {row.status} by now, it was {expect}; look at it again")
        if row.status is Status.UPDATED:
            raise Refused(f"action {man_id} is UPDATED: its call is up; hang it up first")
        if not force:
            _refuse_doubtful(shown)
        self._intend(shown, actor)
        if row.status is not Status.DEAD:
            self._discard(man_id, row.status, actor, "discarded to be retried")
        copy = int(self._db.run(lambda connection: connection.execute(self._copy, {"man_id": man_id}).lastrowid))
        links = [
            JournalEntry(man_id, RETRIED, f"as action {copy}", actor),
            JournalEntry(copy, "inserted", f"retry of action {man_id}", actor),
        ]
        self.record([], links)
        return copy

    def pause(self, *, actor: str, reason: str = "") -> None:
        """Stop claims and SENT of this server until `resume`, whatever is restarted meanwhile."""
        self._control_as(True, actor, reason)

    def resume(self, *, actor: str) -> None:
        """Let this server's actions go out again."""
        self._control_as(False, actor, "")

    def control(self) -> Control:
        """Whether this server is paused."""
        for paused, actor, reason, at in self._records(self._control, {}):
            return Control(bool(paused), actor, reason, rows.utc(at))
        return Control(False)

    def _control_as(self, paused: bool, actor: str, reason: str) -> None:
        self._change(self._set_control, {"paused": int(paused), "actor": actor[:100], "reason": reason[:250]})
        self.record([], [JournalEntry(None, "paused" if paused else "resumed", reason, actor)])

    def _intend(self, shown: Timeline, actor: str) -> None:
        """Say in the journal that a copy comes, and refuse if somebody else said so since `shown` was read.

        Both write before they look, so of two at one time at least one sees the other and inserts nothing.
        """
        man_id, mark = shown.row.man_id, f"intent {secrets.token_hex(4)}"
        self.record([], [JournalEntry(man_id, RETRYING, mark, actor)])
        before = {entry.detail for entry in shown.journal if entry.event == RETRYING}
        after = {entry.detail for entry in self.timeline(man_id).journal if entry.event == RETRYING}
        if after - before - {mark}:
            raise Refused(f"action {man_id} is being retried by somebody else at this moment; look at it again")

    def _refuse_foreign(self, row: Row) -> None:
        if row.server_ip not in self._lanes:
            raise Refused(
                f"action {row.man_id} belongs to server_ip {row.server_ip or '(blank)'}, this is {self._server_ip}; "
                "do it with that --server-ip"
            )

    def _discard(self, man_id: int, seen: Status, actor: str, event: str) -> None:
        if not self._end(man_id, seen, Outcome.DISCARDED, f"discarded by {actor}"):
            now = self._one(man_id).status
            raise Refused(f"action {man_id} is {now} by now, it was {seen}; look at it again")
        self.record([], [JournalEntry(man_id, event, f"was {seen}", actor)])

    def _one(self, man_id: int) -> Row:
        found = self.by_ids([man_id])
        if not found:
            raise NotFound(f"there is no action {man_id}; it may have been purged")
        return found[0]


def _refuse_doubtful(shown: Timeline) -> None:
    man_id = shown.row.man_id
    retried = [entry.detail for entry in shown.journal if entry.event == RETRIED]
    if retried:
        raise Refused(f"action {man_id} was retried before, {retried[-1]}; force it to send another copy")
    if any(entry.event == RETRYING for entry in shown.journal):
        raise Refused(f"a retry of action {man_id} was begun and may have made a copy; look for it, then force it")
    if _may_have_been_carried_out(shown):
        raise Refused(
            f"action {man_id} is {shown.row.status} and its outcome is not known: it may have been carried out, and a "
            "retry may call twice; look at Asterisk, then force it"
        )


def _may_have_been_carried_out(shown: Timeline) -> bool:
    row, known = shown.row, shown.outcome
    if row.status is Status.SENT:
        return row.response == "N" or row.originates
    if row.status is not Status.DEAD or (row.response == "Y" and not row.originates):
        return False
    if known is not None and known.outcome is Outcome.UNKNOWN:
        return True  # only of what was or may have been written is the outcome unknown
    written = (
        row.response == "Y"
        or (known is not None and known.sent_at is not None)
        or any(entry.event in _WRITTEN or entry.detail == f"was {Status.SENT}" for entry in shown.journal)
    )
    return written and (known is None or known.outcome in (None, Outcome.UNKNOWN, Outcome.DISCARDED))
