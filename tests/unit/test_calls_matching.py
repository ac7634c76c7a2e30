"""Whose call is it: two rows of one caller id, names that match nothing, rows of other processes, Redirects."""

from __future__ import annotations

from acqs_core.action import Outcome, Row, Status
from tests.unit.hearsay import V1, Box, originate, redirect

# Two rows with one caller id.


def test_the_ring_of_one_row_leaves_the_waiting_row_of_the_same_caller_id_alone() -> None:
    box = Box()
    box.calls.watch(originate(1, V1), action_id="a1", with_channel_id=False)
    box.channel("10.1", "Ringing", V1)
    box.calls.watch(originate(2, V1), action_id="a2", with_channel_id=False)
    box.channel("10.1", "Up", V1)
    assert (box.status(1), box.status(2)) == (Status.UPDATED, None)
    box.channel("10.2", "Ringing", V1)
    box.hangup("10.1")
    assert (box.status(1), box.shown(1)) == (Status.DEAD, "10.1")
    assert (box.status(2), box.shown(2)) == (Status.UPDATED, "10.2")


def test_with_channel_ids_two_rows_of_one_caller_id_never_mix() -> None:
    box = Box()
    box.calls.watch(originate(1, V1), action_id="acqs-1-0000")
    box.calls.watch(originate(2, V1), action_id="acqs-2-0000")
    box.channel("acqs-0000000002", "Ringing", V1)
    assert (box.status(1), box.shown(2)) == (None, "acqs-0000000002")
    box.hangup("acqs-0000000002", 17)
    assert (box.status(1), box.status(2)) == (None, Status.DEAD)
    box.channel("acqs-0000000001", "Up", V1)
    assert box.shown(1) == "acqs-0000000001"


def test_an_originate_response_undoes_a_wrong_guess_by_caller_id() -> None:
    box = Box()
    box.calls.watch(originate(1, V1), action_id="a1", with_channel_id=False)
    box.calls.watch(originate(2, V1), action_id="a2", with_channel_id=False)
    box.channel("10.2", "Ringing", V1)
    box.channel("10.1", "Ringing", V1)
    assert (box.shown(1), box.shown(2)) == ("10.2", "10.1")
    box.answer("a1", "10.1")
    assert (box.shown(1), box.shown(2)) == ("10.1", "10.2")
    box.hangup("10.1")
    assert (box.status(1), box.status(2)) == (Status.DEAD, Status.UPDATED)


def test_a_row_that_lost_a_wrongly_guessed_call_gets_its_own_later() -> None:
    box = Box()
    box.calls.watch(originate(1, V1), action_id="a1", with_channel_id=False)
    box.calls.watch(originate(2, V1), action_id="a2", with_channel_id=False)
    box.channel("10.2", "Ringing", V1)
    box.answer("a2", "10.2")
    assert box.shown(2) == "10.2"
    box.channel("10.1", "Ringing", V1)
    assert box.shown(1) == "10.1"


def test_when_asterisk_takes_the_second_of_two_rows_with_one_channel_id_the_call_is_the_second_rows() -> None:
    box = Box()
    for man_id in (1, 2):
        box.calls.watch(originate(man_id, "", "ChannelId: same"), action_id=f"a{man_id}")
    box.channel("same", "Ringing")
    box.answer("a1", "same", reason=0)
    assert box.status(1) is Status.UPDATED
    box.answer("a2", "same")
    assert (box.status(1), box.last[1].outcome, box.status(2)) == (Status.DEAD, Outcome.FAILED, Status.UPDATED)
    box.hangup("same")
    assert (box.status(2), box.last[2].outcome) == (Status.DEAD, Outcome.ANSWERED)


def test_a_retried_row_that_brings_the_channel_id_of_an_ended_call_gets_its_own_call() -> None:
    box = Box()
    box.calls.watch(originate(1, "", "ChannelId: same"), action_id="a1")
    box.channel("same", "Ringing")
    box.hangup("same", 17)
    box.calls.watch(originate(2, "", "ChannelId: same"), action_id="a2")
    box.channel("same", "Up")
    assert (box.last[1].outcome, box.status(2)) == (Outcome.BUSY, Status.UPDATED)
    assert box.calls.lives(2)


def test_a_row_number_that_begins_anew_is_another_row() -> None:
    box = Box()
    for _ in range(2):
        box.last.clear()
        box.calls.watch(originate(5), action_id="acqs-5-0000")
        box.channel("acqs-0000000005", "Ringing")
        assert box.status(5) is Status.UPDATED
        box.hangup("acqs-0000000005")
        assert box.status(5) is Status.DEAD


# The seed's own INSERT, and names that match nothing.


def test_a_row_whose_column_and_header_name_different_callers_is_matched_by_its_channel_id() -> None:
    box = Box()
    seed = originate(7, "DL40130172253cc100", "Callerid: DL40130172253cc160")
    box.calls.watch(seed, action_id="acqs-7-0000")
    box.channel("acqs-0000000007", "Ringing", "DL40130172253cc160")
    assert (box.status(7), box.shown(7)) == (Status.UPDATED, "acqs-0000000007")
    assert not box.calls.unknown_callers


def test_the_same_row_without_a_channel_id_is_known_by_its_originate_response_alone() -> None:
    box = Box()
    seed = originate(7, "DL40130172253cc100", "Callerid: DL40130172253cc160")
    box.calls.watch(seed, action_id="acqs-7-0000", with_channel_id=False)
    box.channel("10.1", "Up", "DL40130172253cc160")
    assert box.status(7) is None
    box.answer("acqs-7-0000", "10.1")
    assert (box.status(7), box.shown(7)) == (Status.UPDATED, "10.1")


def test_blank_and_unknown_names_match_nothing() -> None:
    box = Box()
    for man_id, name in enumerate(("", "  ", "<unknown>", "<Unknown>"), 1):
        box.calls.watch(originate(man_id, name), action_id=f"a{man_id}", with_channel_id=False)
        box.calls.watch(redirect(man_id + 10, name), action_id=f"r{man_id}")
        box.channel(f"10.{man_id}", "Up", name)
    assert box.last == {}
    assert not box.calls.unknown_callers


def test_a_caller_id_matches_exactly_or_not_at_all() -> None:
    box = Box()
    box.calls.watch(originate(1, "V123"), action_id="a1", with_channel_id=False)
    for number, name in enumerate(("v123", "V123 ", "V1234", "V12")):
        box.channel(f"10.{number}", "Up", name)
    assert box.last == {}
    assert box.calls.unknown_callers == {"v123", "V123 ", "V1234", "V12"}


def test_a_call_that_began_before_the_row_was_sent_is_not_its_call() -> None:
    box = Box()
    box.channel("10.1", "Up", V1)
    box.calls.watch(originate(1, V1), action_id="a1", with_channel_id=False)
    box.channel("10.1", "Up", V1)
    box.hangup("10.1")
    assert box.status(1) is None


def test_a_call_that_another_row_made_is_not_taken_by_caller_id_though_that_row_is_not_known_yet() -> None:
    box = Box()
    box.calls.watch(originate(1, V1), action_id="a1", with_channel_id=False)
    box.channel("acqs-0000000002", "Ringing", V1)
    assert box.status(1) is None
    assert (box.calls.unknown_ids, box.calls.unknown_callers) == ({2}, set())


def test_an_event_about_nobody_is_passed_over() -> None:
    box = Box()
    for uniqueid in ("", "<unknown>", "<null>"):
        box.say("Hangup", Uniqueid=uniqueid, CallerIDName=V1)
    assert len(box.calls) == 0
    assert not box.calls.unknown_callers


def test_other_actions_have_no_calls() -> None:
    box = Box()
    box.calls.watch(Row(1, "Hangup", V1, ("Channel: PJSIP/x",)), action_id="h1")
    box.channel("10.1", "Up", V1)
    assert box.last == {}
    assert not box.calls.lives(1)


# ActionIDs.


def test_an_answer_to_another_sending_of_the_row_does_not_settle_it() -> None:
    box = Box()
    box.calls.watch(originate(3), action_id="acqs-3-aaaa")
    box.answer("acqs-3-bbbb", "acqs-0000000003", reason=0)
    assert box.status(3) is None
    box.calls.watch(originate(3), action_id="acqs-3-bbbb")
    box.answer("acqs-3-aaaa", "acqs-0000000003", reason=0)
    assert box.status(3) is None
    box.answer("acqs-3-bbbb", "acqs-0000000003", reason=0)
    assert box.status(3) is Status.DEAD
    assert not box.calls.unknown_ids


def test_a_reason_that_says_something_is_not_undone_by_one_that_does_not() -> None:
    for reasons in ((3, 0), (0, 3)):
        box = Box()
        box.calls.watch(originate(3, "", "ActionID: mine"), action_id="mine")
        for reason in reasons:
            box.answer("mine", "<unknown>", reason)
        assert box.last[3].outcome is Outcome.NO_ANSWER


def test_an_answer_without_an_action_id_settles_nothing() -> None:
    box = Box()
    box.answer("", "<unknown>", reason=5)
    box.take(box.calls.found([originate(1), originate(2)]))
    assert box.last == {}


# Rows of another process.


def test_events_that_name_a_row_of_another_process_ask_for_it_once_a_call() -> None:
    box = Box()
    box.channel("acqs-0000000008;2", "Ring", linkedid="acqs-0000000008")
    assert box.calls.unknown_ids == {8}
    box.calls.unknown_ids.clear()
    box.channel("acqs-0000000008", "Ringing")
    assert not box.calls.unknown_ids
    box.answer("acqs-9-0123", "<unknown>", reason=3)
    assert box.calls.unknown_ids == {9}


def test_a_row_that_events_named_is_settled_as_soon_as_it_is_found() -> None:
    box = Box()
    box.channel("acqs-0000000008", "Ringing")
    box.answer("acqs-9-0123", "<unknown>", reason=3)
    changes = box.take(box.calls.found([originate(9), originate(8)]))
    assert [change.man_id for change in changes] == [8, 9]
    assert (box.status(8), box.last[9].outcome) == (Status.UPDATED, Outcome.NO_ANSWER)
    assert box.calls.found([originate(8), originate(9)]) == []


def test_a_row_known_by_its_name_alone_is_asked_for_and_settled_when_found() -> None:
    box = Box()
    box.channel("10.1", "Down")
    box.say("NewCallerid", Uniqueid="10.1", Linkedid="10.1", CallerIDName=V1, Channel="PJSIP/10.1")
    assert box.calls.unknown_callers == {V1}
    box.channel("10.1", "Ringing", V1)
    box.hangup("10.1", 19)
    box.take(box.calls.found([originate(1, V1)], with_channel_id=False))
    assert (box.status(1), box.shown(1), box.last[1].outcome) == (Status.DEAD, "10.1", Outcome.NO_ANSWER)


def test_a_found_row_that_shows_a_channel_is_that_channels() -> None:
    box = Box()
    box.channel("10.1", "Up", "Somebody Else")
    box.take(box.calls.found([originate(1, V1, uniqueid="10.1")], with_channel_id=False))
    assert (box.status(1), box.shown(1)) == (Status.UPDATED, "10.1")


def test_a_found_duplicate_does_not_take_the_call_of_the_row_that_has_its_channel_id() -> None:
    box = Box()
    box.calls.watch(originate(1, "", "ChannelId: same"), action_id="a1")
    box.channel("same", "Up")
    box.take(box.calls.found([originate(2, "", "ChannelId: same", "ActionID: a2")]))
    box.answer("a2", "same", reason=0)
    assert (box.status(1), box.status(2)) == (Status.UPDATED, Status.DEAD)


def test_calls_of_two_rows_that_were_bridged_before_we_heard_of_them_stay_two() -> None:
    box = Box()
    box.channel("acqs-0000000001", "Up", linkedid="acqs-0000000001")
    box.channel("acqs-0000000002", "Up", linkedid="acqs-0000000001")
    box.channel("mine", "Up", linkedid="acqs-0000000001")
    box.take(box.calls.found([originate(1), originate(2), originate(3, "", "ChannelId: mine")]))
    assert [box.shown(man_id) for man_id in (1, 2, 3)] == ["acqs-0000000001", "acqs-0000000002", "mine"]
    box.hangup("mine", linkedid="acqs-0000000001")
    box.hangup("acqs-0000000002", linkedid="acqs-0000000001")
    assert [box.status(man_id) for man_id in (1, 2, 3)] == [Status.UPDATED, Status.DEAD, Status.DEAD]


def test_calls_of_two_rows_that_are_bridged_when_we_hear_of_them_stay_two() -> None:
    box = Box()
    for man_id in (1, 2):
        box.calls.watch(originate(man_id), action_id=f"acqs-{man_id}-0000")
    box.calls.watch(originate(3, "", "ChannelId: mine"), action_id="acqs-3-0000")
    for uniqueid in ("acqs-0000000001", "acqs-0000000002", "mine"):
        box.channel(uniqueid, "Up", linkedid="acqs-0000000001")
    assert [box.shown(man_id) for man_id in (1, 2, 3)] == ["acqs-0000000001", "acqs-0000000002", "mine"]


# Redirects.


def test_a_redirect_row_follows_the_call_of_its_caller_id_from_when_it_was_sent() -> None:
    box = Box()
    box.calls.watch(originate(1, V1), action_id="acqs-1-0000")
    box.channel("acqs-0000000001", "Up", V1)
    box.calls.watch(redirect(2, V1), action_id="acqs-2-0000")
    assert box.status(2) is None
    box.channel("acqs-0000000001", "Up", V1)
    assert (box.status(2), box.shown(2)) == (Status.UPDATED, "acqs-0000000001")
    box.hangup("acqs-0000000001")
    assert (box.status(1), box.status(2)) == (Status.DEAD, Status.DEAD)


def test_a_redirect_row_is_not_dead_while_another_channel_of_the_call_lives() -> None:
    box = Box()
    box.channel("10.1", "Up", V1)
    box.calls.watch(redirect(2, V1), action_id="acqs-2-0000")
    box.channel("10.1", "Up", V1)
    box.channel("10.2", "Up", linkedid="10.1")
    box.hangup("10.1")
    assert (box.status(2), box.shown(2)) == (Status.UPDATED, "10.2")
    box.hangup("10.2", linkedid="10.1")
    assert box.status(2) is Status.DEAD


def test_a_redirect_row_hears_of_the_end_though_nothing_else_happened_since() -> None:
    box = Box()
    box.channel("10.1", "Up", V1)
    box.calls.watch(redirect(2, V1), action_id="acqs-2-0000")
    box.hangup("10.1")
    assert (box.status(2), box.shown(2)) == (Status.DEAD, "10.1")


def test_a_call_that_had_ended_before_a_redirect_was_sent_is_not_its_call() -> None:
    box = Box()
    box.channel("10.1", "Up")
    box.hangup("10.1")
    box.calls.watch(redirect(2, V1), action_id="acqs-2-0000")
    box.say("NewCallerid", Uniqueid="10.1", Linkedid="10.1", CallerIDName=V1)
    assert box.status(2) is None


def test_a_found_redirect_row_without_a_channel_is_matched_by_what_is_heard_from_now_on() -> None:
    box = Box()
    box.channel("10.1", "Up", V1)
    assert box.calls.found([redirect(2, V1)]) == []
    box.channel("10.1", "Up", V1)
    assert box.status(2) is Status.UPDATED


def test_a_found_redirect_row_that_shows_a_channel_follows_it_at_once() -> None:
    box = Box()
    box.channel("10.1", "Up", V1)
    box.take(box.calls.found([redirect(2, V1, uniqueid="10.1")]))
    assert (box.status(2), box.shown(2)) == (Status.UPDATED, "10.1")


# Gaps.


def test_a_row_is_dead_when_told_that_its_call_is_gone_and_stays_so() -> None:
    box = Box()
    box.calls.watch(originate(1), action_id="acqs-1-0000")
    box.take(box.calls.gone(1))
    assert (box.status(1), box.last[1].outcome) == (Status.DEAD, Outcome.UNKNOWN)
    box.channel("acqs-0000000001", "Up")
    assert (box.status(1), box.last[1].outcome) == (Status.DEAD, Outcome.ANSWERED)
    assert box.calls.gone(99) == []


def test_a_channel_that_asterisk_lists_no_more_has_ended_without_a_cause() -> None:
    box = Box()
    box.calls.watch(originate(1), action_id="acqs-1-0000")
    box.channel("acqs-0000000001", "Ringing")
    box.take(box.calls.ended("acqs-0000000001"))
    assert (box.status(1), box.last[1].cause, box.last[1].outcome) == (Status.DEAD, None, Outcome.UNKNOWN)
    assert box.calls.ended("acqs-0000000001") == []
    assert box.calls.ended("never heard of") == []


def test_the_cause_of_an_end_is_learnt_late_and_not_lost_again() -> None:
    box = Box()
    box.calls.watch(originate(1), action_id="acqs-1-0000")
    box.channel("acqs-0000000001", "Ringing")
    box.take(box.calls.ended("acqs-0000000001"))
    box.hangup("acqs-0000000001", 17)
    assert (box.last[1].cause, box.last[1].outcome) == (17, Outcome.BUSY)
    box.hangup("acqs-0000000001", 0)
    assert box.last[1].cause == 17


def test_a_channel_keeps_its_new_name_when_an_event_from_before_comes_late() -> None:
    box = Box()
    box.calls.watch(originate(1), action_id="acqs-1-0000")
    box.channel("acqs-0000000001", "Up")
    box.say("Rename", Uniqueid="acqs-0000000001", Channel="PJSIP/acqs-0000000001", Newname="PJSIP/other")
    box.say("NewCallerid", Uniqueid="acqs-0000000001", Channel="PJSIP/acqs-0000000001", CallerIDName=V1)
    assert box.last[1].channel == "PJSIP/other"
