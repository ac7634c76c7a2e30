"""The one sentence that says why an action is where it is."""

from __future__ import annotations

import datetime as dt

import pytest

from acqs_core.action import Outcome, Row, Status
from acqs_core.queue.types import Control, JournalEntry, OutcomeRecord, Timeline
from acqs_core.story import Around, why

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
