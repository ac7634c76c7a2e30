"""Reads: counts, pages, candidates, what should be alive, what is unknown; and rows that are not as they should be."""

from __future__ import annotations

import datetime as dt

import pytest

from acqs_core.action import NewAction, Outcome, Status
from acqs_core.queue import browse
from acqs_core.queue.store import Store
from acqs_core.queue.types import OutcomeRecord, Transition
from tests.contract.backend import OTHER_IP, SERVER_IP, Backend, hangup, originate, sent
from tests.unit.hearsay import Box


def test_counts_stop_at_the_cap_and_know_every_status(store: Store, token: int) -> None:
    man_ids = store.insert_many([originate() for _ in range(12)])
    store.claim(token, 7)
    for man_id in man_ids[:6]:
        store.mark_sent(man_id, token)
    store.apply([Transition(man_ids[0], Status.UPDATED), Transition(man_ids[1], Status.DEAD)])
    assert store.counts() == {Status.NEW: 5, Status.QUEUE: 1, Status.SENT: 4, Status.UPDATED: 1, Status.DEAD: 1}
    assert store.counts(cap=3)[Status.NEW] == store.counts(cap=3)[Status.SENT] == 4, "3 and more"


def test_counts_are_of_one_server_and_the_blank_rows_it_serves(backend: Backend, store: Store) -> None:
    store.insert(hangup())
    store.insert_many([hangup(), hangup()], server_ip="")
    store.insert_many([hangup()] * 3, server_ip=OTHER_IP)
    assert store.counts()[Status.NEW] == 1
    assert store.counts(server_ip=OTHER_IP)[Status.NEW] == 3
    assert backend.store(serve_blank=True).counts()[Status.NEW] == 3
    assert backend.store(serve_blank=True).counts(cap=1)[Status.NEW] == 2


def test_the_backlog_tells_its_size_and_its_ages(backend: Backend, store: Store) -> None:
    assert (store.backlog().count, store.backlog().oldest_age) == (0, None)
    man_ids = store.insert_many([hangup() for _ in range(4)])
    hour = {"sqlite": "datetime('now', 'localtime', '-3600 seconds')"}.get(backend.kind, "NOW() - INTERVAL 3600 SECOND")
    backend.sql(f"UPDATE vicidial_manager SET entry_date = {hour} WHERE man_id = ?", man_ids[2])
    backlog = store.backlog()
    assert (backlog.count, backlog.capped) == (4, False)
    assert backlog.oldest_age is not None
    assert 3599 <= backlog.oldest_age <= 3610
    assert backlog.oldest == store.by_ids([man_ids[2]])[0].entry_date
    assert sum(age > 1000 for age in backlog.ages) == 1
    assert (store.backlog(cap=2).count, store.backlog(cap=2).capped) == (2, True)


def walked(store: Store, limit: int, status: Status | None = None) -> list[int]:
    found, before = [], None
    while True:
        page = store.page(before=before, limit=limit, status=status)
        found += [row.man_id for row in page.rows]
        if page.next_before is None:
            return found
        before = page.next_before


def test_pages_lead_through_all_rows_newest_first(backend: Backend, token: int) -> None:
    store = backend.store(serve_blank=True)
    man_ids = [store.insert(hangup(), server_ip=ip) for ip in (SERVER_IP, "", OTHER_IP, SERVER_IP, "", SERVER_IP)]
    ours = [man_ids[index] for index in (5, 4, 3, 1, 0)]
    store.claim(token, 2)
    for limit in (1, 2, 5, 50):
        assert walked(store, limit) == ours
    assert walked(store, 2, Status.NEW) == ours[:3]
    assert walked(store, 2, Status.QUEUE) == ours[3:]
    assert walked(store, 2, Status.DEAD) == []


def test_pages_of_a_status_with_many_rows_are_in_order_too(
    backend: Backend, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browse, "FEW", 3)
    man_ids = store.insert_many([hangup() for _ in range(20)])
    assert walked(store, 6, Status.NEW) == walked(store, 6) == man_ids[::-1]


def test_candidates_are_rows_in_flight_with_an_askable_name(store: Store, token: int) -> None:
    in_flight = [sent(store, token, originate("V1")), sent(store, token, originate("M2"))]
    dead = sent(store, token, originate("V1"))
    store.apply([Transition(dead, Status.DEAD), Transition(in_flight[1], Status.UPDATED)])
    store.insert(originate("V1"), server_ip=OTHER_IP)
    queued = store.insert(originate("V1"))
    store.claim(token, 1)
    new = store.insert(originate("V1"))
    asked = ["V1", "M2", "josé", "☎😀", "", " ", "x" * 40, "<unknown>", "a\x00b"]
    assert [row.man_id for row in store.candidates(asked)] == [*in_flight, queued]
    assert new not in [row.man_id for row in store.candidates(asked)]
    assert store.candidates([]) == store.candidates(["josé"]) == []


def test_more_names_than_one_statement_takes_are_all_looked_for(store: Store, token: int) -> None:
    man_id = sent(store, token, originate("V999"))
    assert [row.man_id for row in store.candidates([f"V{number}" for number in range(1200)])] == [man_id]


def test_alive_are_updated_rows_sent_originates_and_whatever_awaits_an_answer(store: Store, token: int) -> None:
    updated, accepted, waiting, final, dead = (
        sent(store, token, action) for action in (originate(), originate(), hangup(), hangup(), originate())
    )
    store.insert(originate())
    store.apply([
        Transition(updated, Status.UPDATED, answered=True), Transition(accepted, answered=True),
        Transition(final, answered=True), Transition(dead, Status.DEAD),
    ])  # fmt: skip
    assert [row.man_id for row in store.alive()] == [waiting, accepted, updated]
    assert [row.man_id for row in store.alive(limit=2)] == [waiting, accepted]


def test_searches_among_sent_rows_look_at_the_newest_only(
    backend: Backend, store: Store, token: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    man_ids = [sent(store, token, hangup("V1")) for _ in range(6)]
    monkeypatch.setattr(browse, "SCAN", 3)
    monkeypatch.setattr(browse, "FEW", 2)
    found = [row.man_id for row in store.alive()]
    assert found == man_ids[::-1][: len(found)]
    assert 3 <= len(found) <= 4


def test_unknown_are_sent_rows_past_their_time_and_those_said_to_be(backend: Backend, store: Store, token: int) -> None:
    now = dt.datetime.now(dt.UTC)
    man_ids = [sent(store, token, originate()) for _ in range(7)]
    late, recent, undated, flagged, answered, settled, answered_late = man_ids
    store.insert(hangup())
    ago = now - dt.timedelta(minutes=1)
    store.record([
        OutcomeRecord(late, sent_at=ago), OutcomeRecord(recent, sent_at=now), OutcomeRecord(answered, sent_at=ago),
        OutcomeRecord(flagged, Outcome.UNKNOWN, sent_at=now), OutcomeRecord(settled, Outcome.UNKNOWN, sent_at=ago),
        OutcomeRecord(answered_late, Outcome.UNKNOWN, sent_at=ago),
    ], [])  # fmt: skip
    store.apply([
        Transition(answered, answered=True), Transition(settled, Status.DEAD), Transition(answered_late, answered=True),
    ])  # fmt: skip
    backend.sql("UPDATE vicidial_manager SET entry_date = '2026-01-01 00:00:00' WHERE man_id = ?", undated)
    found = store.unknown(10.0, 50)
    assert [row.man_id for row, _ in found] == [flagged, undated, late]
    assert [record.outcome if record else None for _, record in found] == [Outcome.UNKNOWN, None, None]
    assert [row.man_id for row, _ in store.unknown(10.0, 2)] == [flagged, undated]
    assert [store.unknown_ids(10.0, cap) for cap in (10, 1)] == [[flagged, undated, late], [flagged, undated]]
    sent_rows, known = store.by_ids([m for m in man_ids if m != settled]), store.outcomes(man_ids)
    judged = {row.man_id for row in sent_rows if browse.outcome_by_now(row, known.get(row.man_id), 10.0)}
    assert judged == {late, undated, flagged}, "a console shows the same"
    page = store.page(unknown=True, limit=2, older_than=10.0)
    assert [row.man_id for row in page.rows] == [flagged, undated]
    assert [row.man_id for row in store.page(unknown=True, before=page.next_before).rows] == [late]


def test_a_row_of_nulls_reads_as_empty_text_and_can_be_ended(backend: Backend, store: Store, token: int) -> None:
    backend.sql("INSERT INTO vicidial_manager (status, server_ip) VALUES ('NEW', ?)", SERVER_IP)
    row = store.claim(token, 1)[0]
    assert (row.action, row.callerid, row.channel, row.uniqueid, row.response) == ("", "", "", "", "N")
    assert (row.lines, row.entry_date, row.age) == (("",) * 10, None, None)
    assert store.mark_sent(row.man_id, token)
    assert store.unsend(row.man_id, token), "a NULL response is no answer"
    store.claim(token, 1)
    store.mark_sent(row.man_id, token)
    assert [found.man_id for found in store.alive()] == [row.man_id]
    assert [found.man_id for found, _ in store.unknown(10.0)] == [row.man_id]
    store.apply([Transition(row.man_id, Status.UPDATED, "SIP/1", "1.1", answered=True)])
    found = store.by_ids([row.man_id])[0]
    assert (found.status, found.channel, found.uniqueid, found.response) == (Status.UPDATED, "SIP/1", "1.1", "Y")


def test_odd_dates_and_statuses_do_not_stop_the_reader(backend: Backend, store: Store, token: int) -> None:
    man_id = store.insert(hangup())
    backend.sql("UPDATE vicidial_manager SET entry_date = '0000-00-00 00:00:00' WHERE man_id = ?", man_id)
    assert [row.entry_date for row in store.claim(token, 1)] == [None]
    assert store.backlog().count == 0
    backend.sql("UPDATE vicidial_manager SET status = NULL WHERE man_id = ?", man_id)
    assert store.by_ids([man_id])[0].status is Status.DEAD
    assert store.claim(token, 1) == []


def test_the_seeds_insert_is_a_row_like_any_other(backend: Backend) -> None:
    if backend.kind == "sqlite":
        pytest.skip("SQLite takes no '' for a key")
    backend.sql(
        "INSERT INTO vicidial_manager values('','','2004-01-30 17:22:53','NEW','N','','','Originate',"
        "'DL40130172253cc100','Channel: local/8600011@demo','Context: default','Exten: 917275551212','Priority: 1',"
        "'Callerid: DL40130172253cc160','','','','','')"
    )
    store, token = backend.store(serve_blank=True), backend.grant().token
    (row,) = store.claim(token, 5)
    assert (row.action, row.callerid, row.server_ip) == ("Originate", "DL40130172253cc100", SERVER_IP)
    assert row.lines[:5] == (
        "Channel: local/8600011@demo", "Context: default", "Exten: 917275551212", "Priority: 1",
        "Callerid: DL40130172253cc160",
    )  # fmt: skip
    assert row.entry_date == dt.datetime(2004, 1, 30, 17, 22, 53)


def test_a_uniqueid_that_its_column_cut_is_read_whole_so_that_its_call_is_found(store: Store, token: int) -> None:
    uniqueid, name = "asterisk-box-name-1700000000.1234", "Local/" + "8" * 110 + "@demo-00000001;1"
    for action in (NewAction("Redirect", "V1", ("Channel: PJSIP/x",)), originate("V2")):
        man_id = sent(store, token, action)
        store.apply([Transition(man_id, Status.UPDATED, channel=name, uniqueid=uniqueid)])
        alive = next(row for row in store.alive() if row.man_id == man_id)
        for row in (alive, *store.candidates([action.callerid]), *store.by_ids([man_id])):
            assert (row.uniqueid, row.channel) == (uniqueid, name)
        box = Box()
        box.channel(uniqueid, "Up", "somebody")
        box.take(box.calls.found([alive], with_channel_id=False))
        assert box.calls.lives(man_id)


def test_newer_rows_are_those_above_a_man_id_lowest_first(store: Store, backend: Backend) -> None:
    made = store.insert_many([hangup() for _ in range(4)])
    store.insert(hangup(), server_ip=OTHER_IP)
    assert [row.man_id for row in store.newer(made[0])] == made[1:]
    assert [row.man_id for row in store.newer(made[0], limit=2)] == made[1:3]
    blank = store.insert(hangup(), server_ip="")
    assert [row.man_id for row in backend.store(serve_blank=True).newer(made[-1])] == [blank]


def test_every_server_is_seen_with_its_backlog_and_its_pause(store: Store, backend: Backend, token: int) -> None:
    store.insert_many([hangup() for _ in range(3)])
    store.claim(token, 1)
    store.insert(hangup(), server_ip="")
    backend.store(OTHER_IP).pause(actor="anna", reason="a trunk is down")
    servers = {one.server_ip: one for one in store.servers()}
    assert {name: one.backlog for name, one in servers.items()} == {"": 1, SERVER_IP: 2, OTHER_IP: 0}
    assert (servers[OTHER_IP].control.paused, servers[OTHER_IP].control.reason) == (True, "a trunk is down")
    assert not servers[SERVER_IP].control.paused
    assert servers[OTHER_IP].oldest_age is None
    assert servers[SERVER_IP].oldest_age is not None
    assert {one.server_ip: one.backlog for one in store.servers(cap=1)}[SERVER_IP] == 2, "1 and more"


def test_a_row_knows_whom_of_its_caller_id_it_waits_for(store: Store, token: int) -> None:
    first, other, second, third = store.insert_many(
        [originate(callerid="A1"), originate(callerid="B1"), originate(callerid="A1"), originate(callerid="A1")]
    )
    store.claim(token, 3)
    rows = {row.man_id: row for row in store.by_ids([first, other, second, third])}
    assert [store.ahead(rows[man_id]) for man_id in (first, other, second, third)] == [None, None, first, second]
    assert store.mark_sent(first, token)
    store.record([OutcomeRecord(first, Outcome.UNKNOWN)], [])
    assert store.ahead(rows[second]) is None, "nobody waits for an answer that was given up"
