"""The lab itself: what it is used to prove is worth no more than what is proved of it here."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.lab.asterisk import Asterisk
from tests.lab.client import AmiClient
from tests.lab.config import LISTENER_EVENTS
from tests.lab.recorder import Recorder
from tests.lab.sipp import Phones

ANSWERED, NO_ANSWER, BUSY, CONGESTION, FAILED = "4", "3", "5", "8", "0"
"""Reasons of OriginateResponse (facts/ami.md, Originate)."""


@pytest.fixture
def recorder(quiet_asterisk: Asterisk) -> Iterator[Recorder]:
    with quiet_asterisk.record() as witness:
        yield witness


@pytest.mark.parametrize(
    ("channel", "reason"),
    [
        ("Local/600@default", ANSWERED),
        ("Local/601@default", ANSWERED),
        ("Local/602@default", NO_ANSWER),
        ("Local/603@default", BUSY),
        ("Local/604@default", CONGESTION),
        ("Local/607@default", ANSWERED),
        ("Local/610@default", ANSWERED),
        ("Local/617@default", ANSWERED),
        ("Local/618@default", ANSWERED),
        ("Local/620@default", ANSWERED),
        ("Local/630@default", ANSWERED),
        ("Local/631@default", ANSWERED),
        ("Local/632@default", ANSWERED),
        ("Local/917275551212@default", ANSWERED),
        ("local/8600011@demo", ANSWERED),
    ],
)
def test_a_number_of_the_dialplan_ends_an_originate_as_its_comment_says(
    quiet_asterisk: Asterisk, recorder: Recorder, channel: str, reason: str
) -> None:
    with quiet_asterisk.connect("acqs_send") as sender:
        assert sender.originate(channel, "630", Timeout="1500", ActionID="o-1")["Response"] == "Success"
        response = recorder.wait_for_event("OriginateResponse", ActionID="o-1")
    assert response["Reason"] == reason
    assert response["Response"] == ("Success" if reason == ANSWERED else "Failure")
    assert recorder.originates() == {"o-1": 1}


@pytest.mark.parametrize(
    ("phone", "reason", "cause"),
    [
        ("ans", ANSWERED, 16),
        ("slow", ANSWERED, 16),
        ("hup", ANSWERED, 0),
        ("ring", NO_ANSWER, 19),
        ("busy", FAILED, 17),
        ("cong", FAILED, 34),
        ("unal", FAILED, 1),
        ("nobody", NO_ANSWER, 19),
    ],
)
def test_a_phone_ends_its_call_as_its_scenario_says(
    quiet_asterisk: Asterisk, phones: Phones, recorder: Recorder, phone: str, reason: str, cause: int
) -> None:
    exten = "601" if phone == "hup" else "630"
    with quiet_asterisk.connect("acqs_send") as sender:
        sender.originate(f"PJSIP/{phone}", exten, Timeout="2500", ActionID="o-1", ChannelId=f"call-{phone}")
        response = recorder.wait_for_event("OriginateResponse", ActionID="o-1")
        recorder.wait_for_event("Hangup", Uniqueid=f"call-{phone}")
    assert (response["Reason"], recorder.hangup_cause(f"call-{phone}")) == (reason, cause)


def test_an_endpoint_without_contact_fails_without_a_channel(
    quiet_asterisk: Asterisk, phones: Phones, recorder: Recorder
) -> None:
    with quiet_asterisk.connect("acqs_send") as sender:
        sender.originate("PJSIP/nocontact", ActionID="o-1")
        assert recorder.wait_for_event("OriginateResponse", ActionID="o-1")["Reason"] == FAILED
    recorder.settle()
    assert recorder.channels_created() == {}


def test_a_call_goes_on_to_a_phone_when_the_dialplan_dials_one(
    quiet_asterisk: Asterisk, phones: Phones, recorder: Recorder
) -> None:
    with quiet_asterisk.connect("acqs_send") as sender:
        for exten, phone in (("609", "slow"), ("615", "ans")):
            sender.originate(f"Local/{exten}@default/n", "607")
            recorder.wait_for(
                lambda frame, phone=phone: (
                    frame.event == "Newstate"  # type: ignore[misc]
                    and frame["Channel"].startswith(f"PJSIP/{phone}-")
                    and frame["ChannelStateDesc"] == "Up"
                )
            )


def test_a_number_outside_the_dialplan_is_told_from_one_inside(asterisk: Asterisk) -> None:
    assert asterisk.has_exten("917275551212")
    assert asterisk.has_exten("8600011", "demo")
    assert not asterisk.has_exten("917275551212", "demo")


def test_the_recorder_counts_every_originate_that_reached_asterisk(
    quiet_asterisk: Asterisk, recorder: Recorder
) -> None:
    with quiet_asterisk.connect("acqs_send") as sender:
        for number in range(20):
            sender.originate("Local/630@default", "630", ActionID=f"o-{number % 10}", ChannelId=f"c-{number}")
        for number in range(20):
            recorder.wait_for_event("OriginateResponse", Uniqueid=f"c-{number}")
    assert recorder.originates() == {f"o-{number}": 2 for number in range(10)}
    assert {f"c-{number}" for number in range(20)} <= recorder.channels_created().keys()


def test_the_recorder_says_that_asterisk_went_away(quiet_asterisk: Asterisk, recorder: Recorder) -> None:
    quiet_asterisk.kill()
    with pytest.raises(ConnectionError):
        recorder.wait_for_event("NeverThere")
    assert recorder.closed


def test_the_listening_user_is_sent_only_the_events_its_filter_names(
    quiet_asterisk: Asterisk, recorder: Recorder
) -> None:
    with Recorder(quiet_asterisk.ami_port, quiet_asterisk.secret("acqs_listen"), "acqs_listen") as listening:
        with quiet_asterisk.connect("acqs_send") as sender:
            sender.originate("Local/632@default", "630", ActionID="o-1", ChannelId="c-1", CallerID='"V1" <1>')
        listening.wait_for_event("Hangup", Uniqueid="c-1")
        heard = {frame.event for frame in listening.events}
    assert heard <= set(LISTENER_EVENTS)
    assert heard >= {"Newchannel", "Newstate", "NewCallerid", "Hangup", "OriginateResponse"}
    assert not {frame.event for frame in recorder.events} <= set(LISTENER_EVENTS)


def test_an_asterisk_16_filters_by_regex_and_reports_the_same_causes(asterisk_16: Asterisk, phones: Phones) -> None:
    assert asterisk_16.version.startswith("16.")
    with (
        asterisk_16.record() as recorder,
        Recorder(asterisk_16.ami_port, asterisk_16.secret("acqs_listen"), "acqs_listen") as listening,
        asterisk_16.connect("acqs_send") as sender,
    ):
        sender.originate("PJSIP/busy", "630", ActionID="o-1", ChannelId="c-1")
        assert recorder.wait_for_event("OriginateResponse", ActionID="o-1")["Reason"] == FAILED
        listening.wait_for_event("Hangup", Uniqueid="c-1", Cause="17")
        assert {frame.event for frame in listening.events} <= set(LISTENER_EVENTS)
        assert not {frame.event for frame in recorder.events} <= set(LISTENER_EVENTS)


def test_a_user_without_a_right_is_refused_what_needs_it(asterisk: Asterisk) -> None:
    with asterisk.connect("call_only") as caller:
        assert caller.ask("Command", Command="core show uptime")["Message"] == "Permission denied"
        assert caller.originate("Local/630@default")["Message"] == "Permission denied"
    with asterisk.connect("acqs_listen") as listener:
        assert listener.ask("CoreShowChannels")["Response"] == "Success"
        assert listener.originate("Local/630@default")["Message"] == "Permission denied"


def test_a_wrong_secret_is_refused(asterisk: Asterisk) -> None:
    with pytest.raises(PermissionError, match="Authentication failed"):
        AmiClient(asterisk.ami_port, "admin", "wrong")


def test_a_second_asterisk_starts_within_ten_seconds_and_outlives_the_end_of_the_first(asterisk: Asterisk) -> None:
    begun = time.monotonic()
    with Asterisk() as first, Asterisk(systemname="acqs-lab-node-a") as second:
        assert time.monotonic() - begun < 10
        first.kill()
        with second.record() as witness, second.connect() as admin:
            admin.originate("Local/630@default", ActionID="o-1")
            uniqueid = witness.wait_for_event("OriginateResponse", ActionID="o-1")["Uniqueid"]
        assert uniqueid.startswith("acqs-lab-node-a-")
        assert len(uniqueid) > 20, "longer than VICIdial's uniqueid column"
    assert not first.directory.exists()
    assert not second.directory.exists()


def test_a_restarted_asterisk_has_its_port_and_secrets_and_no_calls(quiet_asterisk: Asterisk) -> None:
    port = quiet_asterisk.ami_port
    with quiet_asterisk.connect() as admin:
        admin.originate("Local/601@default", "601")
    quiet_asterisk.kill()
    quiet_asterisk.start()
    assert quiet_asterisk.ami_port == port
    assert quiet_asterisk.connect().login["Response"] == "Success"
    assert quiet_asterisk.active_channels() == 0


def test_a_frozen_asterisk_takes_connections_and_says_nothing_until_it_is_thawed(quiet_asterisk: Asterisk) -> None:
    with quiet_asterisk.connect() as admin:
        quiet_asterisk.freeze()
        try:
            admin.connection.settimeout(0.3)
            admin.write("Ping", "p-1")
            with pytest.raises(TimeoutError):
                admin.connection.recv(1, socket.MSG_PEEK)
        finally:
            quiet_asterisk.thaw()
        admin.connection.settimeout(10)
        assert next(admin.incoming)["Ping"] == "Pong"
