"""The one sentence that says why an action is where it is."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from acqs_core.action import NewAction, Outcome, Row, Status
from acqs_core.queue import schema
from acqs_core.queue.lease import Leases
from acqs_core.queue.types import Control, JournalEntry, LeaseView, OutcomeRecord, Timeline
from acqs_core.story import Around, around, why
from tests.contract.backend import SERVER_IP, Backend

AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def told(
    status: Status,
    outcome: Outcome | None = None,
    *journal: tuple[str, str],
    action: str = "Originate",
    response: str = "N",
    message: str = "",
    channel: str = "",
    cause: int | None = None,
) -> Timeline:
    row = Row(7, action, "SAME", (), status, response, "10.0.0.1", channel)
    entries = [JournalEntry(7, event, detail) for event, detail in journal]
    return Timeline(row, OutcomeRecord(7, outcome, cause, message), entries)


SENDS = Around(sender="host:1")


@pytest.mark.parametrize(
    ("around", "says"),
    [
        (Around(Control(True, "margaret", "storm", AT), "host:1", "away", 3), "paused by margaret since 2026-01-02"),
        (Around(Control(True, "margaret", "storm", AT)), "(storm)"),
        (Around(Control(True)), "paused by somebody; resume"),
        (Around(sender=""), "no engine sends for this server_ip"),
        (Around(sender="host:1", trouble="waiting for Asterisk to say that it is fully booted"), "fully booted"),
        (Around(sender="host:1", trouble="connection refused.", before=3), "held up: connection refused."),
        (Around(sender="host:1", before=3), "row 3 has the same caller id and is not answered yet"),
        (Around(foreign=True), "the engine of server_ip 10.0.0.1 sends it"),
        (SENDS, "rows before it are being sent, or there is no free child session"),
        (Around(), "rows before it are being sent"),
    ],
)
def test_a_new_row_says_what_it_waits_for(around: Around, says: str) -> None:
    sentence = why(told(Status.NEW), around)
    assert sentence.startswith("It waits to be claimed: ")
    assert says in sentence
    assert sentence.count("..") == 0


@pytest.mark.parametrize(
    ("around", "says"),
    [
        (SENDS, "its child session is connecting and logging in"),
        (Around(sender="host:1", before=3), "row 3 has the same caller id"),
        (Around(Control(True, "margaret")), "paused by margaret"),
        (Around(sender=""), "no engine sends"),
    ],
)
def test_a_claimed_row_is_certainly_not_written_and_says_what_it_waits_for(around: Around, says: str) -> None:
    sentence = why(told(Status.QUEUE), around)
    assert "certainly not written" in sentence
    assert says in sentence


@pytest.mark.parametrize(
    ("timeline", "says"),
    [
        (told(Status.SENT), "Asterisk has not answered yet"),
        (told(Status.SENT, response="Y"), "its call has not rung yet"),
        (told(Status.SENT, response="Y", action=" hangup"), "Asterisk has answered; that is all"),
        (
            told(Status.SENT, Outcome.UNKNOWN, message="no answer within 10 s"),
            "unknown because no answer within 10 s; it is never sent again by itself",
        ),
        (told(Status.SENT, Outcome.UNKNOWN, response="Y"), "Asterisk has taken it; its call has not rung yet"),
        (told(Status.SENT, Outcome.FAILED, response="Y", message="no such peer"), "its call failed: no such peer"),
        (told(Status.SENT, None, ("sent", ""), ("not taken", "Shutting down")), "it goes back to NEW"),
        (told(Status.UPDATED, channel="PJSIP/1-2"), "rings or is up on PJSIP/1-2"),
        (told(Status.UPDATED, Outcome.ANSWERED, channel="PJSIP/1-2"), "was answered and is up on PJSIP/1-2"),
        (told(Status.DEAD, Outcome.BUSY, cause=17), "who was called is busy (cause 17)."),
        (told(Status.DEAD, Outcome.DISCARDED, message="discarded by margaret"), "ended: it was discarded by margaret."),
        (told(Status.DEAD, Outcome.REFUSED, message="Permission denied."), "refused it: Permission denied."),
        (told(Status.DEAD, Outcome.DISCARDED, ("retried", "as action 8")), "it was retried as action 8"),
        (told(Status.DEAD, Outcome.DISCARDED, ("retrying", "intent 1")), "a retry of it was begun and its end is not"),
        (
            told(Status.DEAD, None, ("retrying", "intent 1"), ("retried", "as action 8"), ("retrying", "intent 2")),
            "it was retried as action 8; a retry of it was begun and its end is not known",
        ),
        (
            told(Status.DEAD, None, ("retrying", "intent 1"), ("discarded", ""), ("retried", "as action 8")),
            "it was retried as action 8.",
        ),
        (told(Status.DEAD, channel="PJSIP/1-2"), "its call hung up"),
        (told(Status.DEAD), "nothing more is known of it"),
    ],
)
def test_a_written_or_ended_row_says_what_became_of_it(timeline: Timeline, says: str) -> None:
    assert says in why(timeline, SENDS)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_a_sentence_in_every_status_that_can_have_one(outcome: Outcome) -> None:
    for status in (Status.SENT, Status.UPDATED, Status.DEAD):
        sentence = why(told(status, outcome), SENDS)
        assert sentence.endswith(".")
        assert "None" not in sentence


@pytest.mark.parametrize(
    ("hours", "live", "sender"), [(-1, True, "host:1"), (1, True, "host:1"), (1, False, ""), (-1, False, "")]
)
def test_who_sends_is_told_by_the_clock_of_the_database_however_wrong_that_of_this_machine_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int, live: bool, sender: str
) -> None:
    runs_out = dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)
    leases = [
        LeaseView(SERVER_IP, "listener", "host:2", 1, runs_out, "", live=True),
        LeaseView(SERVER_IP, "sender", "host:1", 1, runs_out, "", live),
    ]
    monkeypatch.setattr(Leases, "view", lambda self, server_ip=None: leases)
    backend = Backend("sqlite", f"sqlite:///{tmp_path / 'queue.sqlite3'}")
    schema.init(backend.db)
    store = backend.store()
    (row,) = store.by_ids([store.insert(NewAction("Ping", "", ()))])
    assert around(store, row).sender == sender
    backend.close()
