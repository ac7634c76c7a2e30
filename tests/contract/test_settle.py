"""Transitions, outcomes and the journal: batches that may be repeated and reordered and end the same."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools

import pytest

from acqs_core.action import Outcome, Status
from acqs_core.queue.store import Store
from acqs_core.queue.types import MAX_DETAIL, JournalEntry, OutcomeRecord, Transition, outranks
from tests.contract.backend import Backend, hangup, originate, sent, statuses

LONG_UNIQUEID = "asterisk-hostname-1711111111.12"
"""31 characters, as Asterisk makes them with `systemname` (facts/ami.md)."""


def test_a_ring_fills_in_channel_and_uniqueid_and_a_hangup_keeps_them(store: Store, token: int) -> None:
    man_id = sent(store, token, originate())
    store.apply([Transition(man_id, Status.UPDATED, "PJSIP/100-00000001", "1711111111.1")])
    row = store.by_ids([man_id])[0]
    assert (row.status, row.channel, row.uniqueid) == (Status.UPDATED, "PJSIP/100-00000001", "1711111111.1")
    store.apply([Transition(man_id, Status.DEAD)])
    row = store.by_ids([man_id])[0]
    assert (row.status, row.channel, row.uniqueid) == (Status.DEAD, "PJSIP/100-00000001", "1711111111.1")


def test_dead_never_comes_back_and_takes_no_channel(store: Store, token: int) -> None:
    man_id = sent(store, token, originate())
    store.apply([Transition(man_id, Status.DEAD)])
    store.apply([Transition(man_id, Status.UPDATED, "PJSIP/100-00000001", "1711111111.1", answered=True)])
    row = store.by_ids([man_id])[0]
    assert (row.status, row.channel, row.uniqueid, row.response) == (Status.DEAD, "", "", "Y")


def test_one_batch_moves_every_row_by_its_own_transition(store: Store, token: int) -> None:
    rings, dies, answered, moves, untouched = [sent(store, token, originate()) for _ in range(5)]
    store.apply(
        [
            Transition(moves, None, "SIP/new-1", "9.9"),
            Transition(answered, answered=True),
            Transition(dies, Status.DEAD, "SIP/last-1", ""),
            Transition(rings, Status.UPDATED, "SIP/100-1", "1.1", answered=True),
            Transition(99_999, Status.DEAD, "SIP/nobody", "2.2", answered=True),
        ]
    )
    found = {r.man_id: (r.status, r.channel, r.uniqueid, r.response) for r in store.page().rows}
    assert found == {
        rings: (Status.UPDATED, "SIP/100-1", "1.1", "Y"),
        dies: (Status.DEAD, "SIP/last-1", "", "N"),
        answered: (Status.SENT, "", "", "Y"),
        moves: (Status.SENT, "SIP/new-1", "9.9", "N"),
        untouched: (Status.SENT, "", "", "N"),
    }


def test_rows_that_were_never_sent_are_not_moved(backend: Backend, store: Store, token: int) -> None:
    queued, new = store.insert_many([originate(), originate()])
    store.claim(token, 1)
    store.apply([Transition(m, Status.DEAD, "SIP/100-1", "1.1", answered=True) for m in (new, queued)])
    assert statuses(backend) == {queued: Status.QUEUE, new: Status.NEW}
    assert {(r.channel, r.response) for r in store.page().rows} == {("", "N")}


def test_a_batch_larger_than_one_statement_is_applied_whole(store: Store, token: int) -> None:
    man_ids = store.insert_many([originate() for _ in range(450)])
    for row in store.claim(token, 450):
        store.mark_sent(row.man_id, token)
    store.apply([Transition(m, Status.UPDATED, f"SIP/{m}", f"{m}.1", answered=True) for m in man_ids])
    rows = store.by_ids(man_ids)
    assert [(r.status, r.channel, r.uniqueid, r.response) for r in rows] == [
        (Status.UPDATED, f"SIP/{m}", f"{m}.1", "Y") for m in man_ids
    ]


@pytest.mark.parametrize("status", [Status.NEW, Status.QUEUE, Status.SENT])
def test_a_transition_leads_forward_only(store: Store, status: Status) -> None:
    with pytest.raises(ValueError, match="UPDATED or DEAD"):
        store.apply([Transition(1, status)])


def test_what_is_wider_than_the_row_is_kept_whole_beside_it(backend: Backend, store: Store, token: int) -> None:
    long, short = sent(store, token, originate()), sent(store, token, originate())
    channel = "Local/" + "9" * 120 + "@demo-00000001;1"
    store.apply(
        [
            Transition(long, Status.UPDATED, channel, LONG_UNIQUEID),
            Transition(short, Status.UPDATED, "SIP/1", "1.1"),
        ]
    )
    row, other = store.by_ids([long, short])
    width = {"myisam": (100, 20)}.get(backend.kind, (None, None))
    (written,) = backend.sql(f"SELECT channel, uniqueid FROM vicidial_manager WHERE man_id = {long:d}")
    assert tuple(written) == (channel[: width[0]], LONG_UNIQUEID[: width[1]])
    assert (row.channel, row.uniqueid) == (channel, LONG_UNIQUEID), "whoever reads through the store gets it whole"
    assert (other.channel, other.uniqueid) == ("SIP/1", "1.1")
    if backend.kind == "myisam":
        outcome = store.outcomes([long])[long]
        assert (outcome.channel, outcome.uniqueid, outcome.outcome) == (channel, LONG_UNIQUEID, None)


def test_names_that_a_latin1_table_lacks_neither_fail_a_batch_nor_touch_others(
    backend: Backend, store: Store, token: int
) -> None:
    names = ["SIP/josé-1", "SIP/☎-1", "SIP/😀-1", "SIP/plain-1"]
    man_ids = [sent(store, token, originate()) for _ in names]
    store.apply([Transition(m, Status.UPDATED, n, f"{m}.1") for m, n in zip(man_ids, names, strict=True)])
    store.record([OutcomeRecord(m, channel=n) for m, n in zip(man_ids, names, strict=True)], [])
    found = [row.channel for row in store.by_ids(man_ids)]
    assert found == (["SIP/josé-1", "SIP/?-1", "SIP/?-1", "SIP/plain-1"] if backend.kind == "myisam" else names)
    assert [store.outcomes([m])[m].channel for m in man_ids] == names


def test_an_outcome_is_merged_with_what_is_known(store: Store) -> None:
    moments = [dt.datetime(2026, 1, 2, 3, 4, second, 567890, tzinfo=dt.UTC) for second in range(3)]
    store.record([OutcomeRecord(7, sent_at=moments[0])], [])
    store.record([OutcomeRecord(7, updated_at=moments[1], channel="SIP/1", uniqueid="1.1")], [])
    store.record([OutcomeRecord(7, Outcome.BUSY, cause=17, message="User busy", ended_at=moments[2])], [])
    store.record([OutcomeRecord(7)], [])
    assert store.outcomes([7])[7] == OutcomeRecord(7, Outcome.BUSY, 17, "User busy", "SIP/1", "1.1", *moments)


def test_outcomes_are_merged_within_one_batch_too(store: Store) -> None:
    store.record([OutcomeRecord(7, Outcome.UNKNOWN, message="no answer came"), OutcomeRecord(8, Outcome.ANSWERED),
                  OutcomeRecord(7, Outcome.NO_ANSWER, cause=19)], [])  # fmt: skip
    found = store.outcomes([7, 8])
    assert (found[7].outcome, found[7].cause, found[7].message) == (Outcome.NO_ANSWER, 19, "")
    assert found[8].outcome is Outcome.ANSWERED


def test_an_outcome_is_replaced_exactly_by_those_that_outrank_it(store: Store) -> None:
    pairs = list(itertools.product([None, *Outcome], [None, *Outcome]))
    for number, (old, new) in enumerate(pairs, start=1):
        store.record([OutcomeRecord(number, old, message="old")], [])
        store.record([OutcomeRecord(number, new, message="new")], [])
    found = store.outcomes(range(1, len(pairs) + 1))
    assert {n: found[n].outcome for n in found} == {
        n: new if outranks(new, old) else old for n, (old, new) in enumerate(pairs, start=1)
    }
    assert {o for o in Outcome if not outranks(Outcome.ANSWERED, o)} == set(Outcome) - {Outcome.UNKNOWN, Outcome.FAILED}


def test_a_final_outcomes_cause_and_message_are_filled_in_but_not_replaced(store: Store) -> None:
    store.record(
        [OutcomeRecord(1, Outcome.BUSY, cause=17), OutcomeRecord(2, Outcome.REFUSED, message="no such peer")], []
    )
    store.record(
        [OutcomeRecord(1, Outcome.FAILED, cause=0, message="late"), OutcomeRecord(2, cause=3, message="x")], []
    )
    found = store.outcomes([1, 2])
    assert (found[1].outcome, found[1].cause, found[1].message) == (Outcome.BUSY, 17, "late")
    assert (found[2].outcome, found[2].cause, found[2].message) == (Outcome.REFUSED, 3, "no such peer")


def test_why_an_outcome_was_unknown_is_never_told_of_the_one_that_is_known(store: Store) -> None:
    doubt = OutcomeRecord(1, Outcome.UNKNOWN, message="no answer within 10 s")
    store.record([doubt], [])
    assert store.outcomes([1])[1].message == doubt.message
    store.record([OutcomeRecord(1, channel="PJSIP/1-0")], [])
    assert store.outcomes([1])[1].message == doubt.message
    store.record([OutcomeRecord(1, Outcome.ANSWERED)], [])
    store.record([doubt], [])
    store.record([OutcomeRecord(2, Outcome.FAILED)], [])
    store.record([dataclasses.replace(doubt, man_id=2)], [])
    found = store.outcomes([1, 2])
    assert [(found[n].outcome, found[n].message) for n in (1, 2)] == [(Outcome.ANSWERED, ""), (Outcome.FAILED, "")]


def test_the_journal_keeps_the_order_and_the_instant_of_what_happened(backend: Backend, store: Store) -> None:
    man_id = store.insert(hangup(), actor="ann")
    first = dt.datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=dt.UTC)
    east = first.astimezone(dt.timezone(dt.timedelta(hours=5)))
    store.record([], [
        JournalEntry(man_id, "second", "2", at=first + dt.timedelta(seconds=1)),
        JournalEntry(man_id, "first", "josé ☎ 😀", "bob", at=east),
        JournalEntry(None, "nobody's"),
    ])  # fmt: skip
    journal = store.timeline(man_id).journal
    assert [entry.event for entry in journal] == ["first", "second", "inserted"]
    assert journal[0] == JournalEntry(man_id, "first", "josé ☎ 😀", "bob", first)
    assert journal[2].actor == "ann"
    assert backend.sql("SELECT COUNT(*) FROM acqs_journal WHERE man_id IS NULL") == [(1,)]


def test_text_too_long_for_a_sidecar_is_cut_and_does_not_fail_the_batch(store: Store) -> None:
    man_id = store.insert(hangup())
    store.record([OutcomeRecord(man_id, Outcome.FAILED, message="m" * 999, channel="c" * 999, uniqueid="u" * 999)],
                 [JournalEntry(man_id, "e" * 99, "d" * 99_999, "a" * 999)])  # fmt: skip
    shown = store.timeline(man_id)
    assert shown.outcome is not None
    assert (shown.outcome.message, shown.outcome.uniqueid) == ("m" * 255, "u" * 150)


@pytest.mark.parametrize("character", ["d", "\n", "é", "😀"])
def test_a_detail_too_long_for_the_journal_ends_by_saying_how_much_more_there_was(store: Store, character: str) -> None:
    man_id = store.insert(hangup())
    fits, too_long = character * MAX_DETAIL, character * 1_000_000
    store.record([], [JournalEntry(man_id, "fits", fits), JournalEntry(man_id, "too long", too_long)])
    detail = {entry.event: entry.detail for entry in store.timeline(man_id).journal}
    assert detail["fits"] == fits
    kept, _, says = detail["too long"].rpartition("\n")
    assert kept == too_long[: len(kept)]
    assert says == f"… cut, {1_000_000 - len(kept):,} characters more"
    assert MAX_DETAIL - 100 < len(detail["too long"]) <= MAX_DETAIL


def test_an_empty_batch_is_no_statement_at_all(store: Store) -> None:
    store.apply([])
    store.record([], [])
