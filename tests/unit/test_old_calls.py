"""What Asterisk 1.4 tells in words of its own, where no recording shows it: who belongs to whom, and for how long."""

from __future__ import annotations

from acqs_core.action import Outcome, Status
from acqs_core.listener.old_calls import OldCalls
from acqs_core.listener.rules import Change
from tests.unit.hearsay import V1, originate, redirect


class OldBox:
    """An Asterisk 1.4 of our own making, in the words of the recordings."""

    def __init__(self) -> None:
        self.calls = OldCalls()
        self.last: dict[int, Change] = {}

    def say(self, name: str, **headers: str) -> None:
        changes = self.calls.event(name, lambda key: headers.get(key, ""))
        self.last.update({change.man_id: change for change in changes})

    def channel(self, name: str, uniqueid: str, state: str = "Down", caller: str = "<unknown>") -> None:
        event = "Newchannel" if state in ("Down", "Ring") else "Newstate"
        self.say(event, Channel=name, State=state, CallerIDName=caller, Uniqueid=uniqueid)

    def local(self, name: str, first: str, second: str, caller: str) -> None:
        self.channel(f"{name},1", first)
        self.channel(f"{name},2", second, "Ring")
        self.say("Newcallerid", Channel=f"{name},1", CallerIDName=caller, Uniqueid=first)
        self.channel(f"{name},2", second, "Up", caller)
        self.channel(f"{name},1", first, "Up", caller)

    def dial(self, name: str, uniqueid: str, by: str) -> None:
        self.channel(name, uniqueid)
        self.say("Dial", SrcUniqueID=by, DestUniqueID=uniqueid)
        self.channel(name, uniqueid, "Ringing")
        self.channel(name, uniqueid, "Up")

    def masquerade(self, kept: str, kept_id: str, left: str, left_id: str) -> None:
        """The channel `kept_id` goes on under the name `left`; the one that had it is a ZOMBIE."""
        self.say("Rename", Oldname=left, Newname=f"{left}<MASQ>", Uniqueid=left_id)
        self.say("Rename", Oldname=kept, Newname=left, Uniqueid=kept_id)
        self.say("Rename", Oldname=f"{left}<MASQ>", Newname=f"{kept}<ZOMBIE>", Uniqueid=left_id)
        self.hangup(f"{kept}<ZOMBIE>", left_id)

    def hangup(self, name: str, uniqueid: str, cause: int = 16) -> None:
        self.say("Hangup", Channel=name, Uniqueid=uniqueid, Cause=str(cause))

    def row(self, man_id: int = 1) -> tuple[Status, str, str]:
        change = self.last[man_id]
        return change.status, change.channel, change.uniqueid


def test_a_local_that_is_optimised_away_goes_on_under_its_own_uniqueid_and_the_phones_name() -> None:
    box = OldBox()
    box.calls.watch(originate(1, V1), action_id="a1")
    box.local("Local/x-8b06", "1.1", "1.2", V1)
    box.dial("SIP/p-01", "1.3", by="1.2")
    assert box.row() == (Status.UPDATED, "SIP/p-01", "1.3")
    box.masquerade("Local/x-8b06,1", "1.1", "SIP/p-01", "1.3")
    box.hangup("Local/x-8b06,2", "1.2")
    assert box.row() == (Status.UPDATED, "SIP/p-01", "1.1")
    box.hangup("SIP/p-01", "1.1", 17)
    assert box.row() == (Status.DEAD, "SIP/p-01", "1.1")
    assert box.last[1].cause == 17


def test_a_phone_that_is_redirected_away_keeps_its_row_alive_under_its_new_uniqueid() -> None:
    box = OldBox()
    box.calls.watch(originate(1, V1), action_id="a1")
    box.channel("SIP/p-01", "1.1", "Up", V1)
    box.channel("AsyncGoto/SIP/p-01", "1.2", "Up")
    box.masquerade("AsyncGoto/SIP/p-01", "1.2", "SIP/p-01", "1.1")
    assert box.row() == (Status.UPDATED, "SIP/p-01", "1.2")
    assert box.calls.living() == {"1.2"}
    box.hangup("SIP/p-01", "1.2")
    assert box.row() == (Status.DEAD, "SIP/p-01", "1.2")


def test_two_rows_whose_phones_are_put_together_both_end_with_their_own_channel() -> None:
    box = OldBox()
    for man_id in (1, 2):
        box.calls.watch(originate(man_id), action_id=f"a{man_id}")
        box.channel(f"SIP/p-0{man_id}", f"1.{man_id}", "Up")
        success = {"ActionID": f"a{man_id}", "Response": "Success", "Reason": "4", "Uniqueid": f"1.{man_id}"}
        box.say("OriginateResponse", **success)
    box.masquerade("SIP/p-01", "1.1", "SIP/p-02", "1.2")
    assert (box.row(1)[0], box.row(2)[0]) == (Status.UPDATED, Status.DEAD)
    box.hangup("SIP/p-02", "1.1")
    assert box.row(1) == (Status.DEAD, "SIP/p-02", "1.1")


def test_the_four_digits_of_a_local_come_again_and_belong_to_another_row_then() -> None:
    box = OldBox()
    for man_id in (1, 2):
        box.calls.watch(originate(man_id, f"V{man_id}"), action_id=f"a{man_id}")
        box.local("Local/x-8b06", f"{man_id}.1", f"{man_id}.2", f"V{man_id}")
        box.hangup("Local/x-8b06,1", f"{man_id}.1")
        box.hangup("Local/x-8b06,2", f"{man_id}.2", 0)
    assert [box.row(man_id)[::2] for man_id in (1, 2)] == [(Status.DEAD, "1.1"), (Status.DEAD, "2.1")]


def test_a_call_is_the_rows_whichever_of_its_channels_bears_the_caller_id_first() -> None:
    box = OldBox()
    box.calls.watch(originate(1, V1), action_id="a1")
    box.calls.watch(originate(2, V1), action_id="a2")
    box.channel("Local/x-8b06,1", "1.1")
    box.channel("Local/x-8b06,2", "1.2", "Ring")
    box.channel("SIP/p-01", "1.3", "Up", V1)  # before the Dial that tells whose it is
    box.channel("Local/x-8b06,2", "1.2", "Up", V1)
    box.say("Dial", SrcUniqueID="1.2", DestUniqueID="1.3")
    box.channel("Local/x-8b06,1", "1.1", "Up", V1)
    assert box.row(1) == (Status.UPDATED, "SIP/p-01", "1.3")
    assert not box.calls.lives(2)
    for name, uniqueid in (("SIP/p-01", "1.3"), ("Local/x-8b06,1", "1.1"), ("Local/x-8b06,2", "1.2")):
        box.hangup(name, uniqueid)
    assert box.row(1)[0] is Status.DEAD
    assert box.calls.living() == frozenset()


def test_a_row_that_asks_for_a_channel_id_is_known_by_its_caller_id_all_the_same() -> None:
    box = OldBox()
    box.calls.watch(originate(1, V1, "ChannelId: mine"), action_id="a1")
    box.channel("SIP/p-01", "1.1", "Up", V1)
    assert box.row() == (Status.UPDATED, "SIP/p-01", "1.1")


def test_nothing_is_remembered_of_names_when_every_channel_has_ended() -> None:
    box = OldBox()
    box.local("Local/x-8b06", "1.1", "1.2", V1)
    box.dial("SIP/p-01", "1.3", by="1.2")
    box.masquerade("Local/x-8b06,1", "1.1", "SIP/p-01", "1.3")
    box.hangup("Local/x-8b06,2", "1.2")
    box.hangup("SIP/p-01", "1.1")
    assert len(box.calls) == 0
    assert not box.calls._halves
    assert not box.calls._leaving


def test_nothing_is_remembered_of_a_masquerade_whose_end_was_missed() -> None:
    box = OldBox()
    box.local("Local/x-8b06", "1.1", "1.2", V1)
    box.dial("SIP/p-01", "1.3", by="1.2")
    box.say("Rename", Oldname="SIP/p-01", Newname="SIP/p-01<MASQ>", Uniqueid="1.3")
    # The gap. After it Status lists one channel, under the name that it has now.
    box.channel("SIP/p-01", "1.1", "Up", V1)
    for missed in ("1.2", "1.3"):
        box.calls.ended(missed)
    box.hangup("SIP/p-01", "1.1")
    assert len(box.calls) == 0
    assert not box.calls._halves
    assert not box.calls._leaving


def test_a_masquerade_of_a_channel_that_was_never_heard_of_leaves_nothing_behind() -> None:
    box = OldBox()
    box.say("Rename", Oldname="SIP/p-01", Newname="SIP/p-01<MASQ>", Uniqueid="1.3")
    assert not box.calls._leaving


def test_a_failure_without_a_uniqueid_is_settled_by_its_action_id() -> None:
    box = OldBox()
    box.calls.watch(originate(1), action_id="a1")
    box.say("OriginateResponse", ActionID="a1", Response="Failure", Reason="5", Uniqueid="<null>")
    assert (box.row()[0], box.last[1].outcome) == (Status.DEAD, Outcome.BUSY)


def test_a_redirect_row_follows_the_phone_that_turns_out_to_be_another_rows() -> None:
    box = OldBox()
    box.calls.watch(originate(1, V1), action_id="a1")
    box.local("Local/x-8b06", "1.1", "1.2", V1)
    box.calls.watch(redirect(2, "AGENT"), action_id="a2")
    box.channel("SIP/p-01", "1.3", "Up", "AGENT")
    assert box.row(2) == (Status.UPDATED, "SIP/p-01", "1.3")
    box.say("Dial", SrcUniqueID="1.2", DestUniqueID="1.3")
    assert box.row(1) == box.row(2) == (Status.UPDATED, "SIP/p-01", "1.3")
    for name, uniqueid in (("Local/x-8b06,1", "1.1"), ("Local/x-8b06,2", "1.2"), ("SIP/p-01", "1.3")):
        assert box.calls.lives(1)
        assert box.calls.lives(2)
        box.hangup(name, uniqueid)
    assert [box.row(man_id)[0] for man_id in (1, 2)] == [Status.DEAD, Status.DEAD]
