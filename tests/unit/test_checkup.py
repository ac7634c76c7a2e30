"""What the answers of an Asterisk mean: rights, limits, traffic and the advice for manager.conf. No Asterisk needed."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from acqs_core.ami.session import AmiMessage, Form
from acqs_core.ami.wire import parse
from acqs_core.checkup import advice, conf, judge, rights, volume
from acqs_core.checkup.look import Seen
from acqs_core.checkup.traffic import Heard, Traffic
from acqs_core.errors import ConnectFailed, LoginRefused, NoBanner
from acqs_core.queue.types import Finding
from acqs_core.settings import Settings

OLD, OF_16, OF_22 = Form((1, 0)), Form((5, 0, 4), "16.28.0~dfsg-0+deb11u4"), Form((11, 0, 0), "22.10.1+dfsg")


def listing(*lines: str) -> AmiMessage:
    return parse("\r\n".join(("Response: Success", "ActionID: a", *lines)).encode())


CALLER = rights.listing_of(
    listing(
        "Originate: Originate a call.  (Priv: originate,all)",
        "Hangup: Hangup channel.  (Priv: system,call,all)",
        "Redirect: Redirect (transfer) a call.  (Priv: call,all)",
        "Ping: Keepalive command.  (Priv: <none>)",
    )
)
SENDER = Seen("send", "dialer", banner="Asterisk Call Manager/11.0.0", form=OF_22, listing=CALLER)
LISTENER = dataclasses.replace(
    SENDER, role="listen", username="ears", booted=True,
    listing=rights.listing_of(listing("CoreShowChannels: List.  (Priv: system,reporting,all)")),
)  # fmt: skip


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level for finding in findings]


def test_a_listing_tells_each_action_with_the_classes_that_allow_it() -> None:
    assert CALLER is not None
    assert CALLER["hangup"] == {"system", "call"}
    assert CALLER["ping"] == frozenset()
    assert rights.classes_of(CALLER) == {"originate", "call"}


def test_a_refused_listing_says_nothing_about_rights() -> None:
    refused = parse(b"Response: Error\r\nMessage: Permission denied")
    assert rights.listing_of(refused) is None
    (finding,) = judge.of_sending(dataclasses.replace(SENDER, listing=None), ["Originate"])
    assert finding.level == "note"


def test_a_sender_that_may_do_all_that_is_queued_is_well() -> None:
    assert levels([*judge.of_sending(SENDER, rights.queued_actions(Settings(), []))]) == ["ok"]


def test_an_action_that_producers_queue_and_the_user_may_not_perform_is_an_error_with_the_class_to_add() -> None:
    (finding,) = judge.of_sending(SENDER, rights.queued_actions(Settings(), ["Command", "ORIGINATE"]))
    assert finding.level == "error"
    assert "Command" in finding.says
    assert "Originate" not in finding.says
    assert "add command to write = in [dialer]" in finding.mend


def test_an_allowed_action_that_nobody_knows_is_to_be_asked_for_at_asterisk() -> None:
    settings = Settings.model_validate({"sender": {"allow_actions": ["QueuePause"]}})
    (finding,) = judge.of_sending(SENDER, rights.queued_actions(settings, ["Command"]))
    assert "manager show command QueuePause" in finding.mend
    assert "Command" not in finding.says


def test_a_right_that_nothing_needs_is_worth_a_note() -> None:
    assert CALLER is not None
    broad = dataclasses.replace(SENDER, listing={**CALLER, "command": frozenset({"command"})})
    assert levels([*judge.of_needless_rights(SENDER, ["Originate"])]) == []
    (finding,) = judge.of_needless_rights(broad, ["Originate"])
    assert "command" in finding.says
    assert levels([*judge.of_needless_rights(broad, ["Originate", "Command"])]) == []


def test_a_listener_that_may_not_filter_is_warned_only_where_the_settings_ask_for_a_filter() -> None:
    unfiltered = Settings.model_validate({"listener": {"filter": False}})
    assert levels([*judge.of_listening(LISTENER, Settings())]) == ["ok", "warning"]
    assert levels([*judge.of_listening(LISTENER, unfiltered)]) == ["ok"]
    assert levels([*judge.of_listening(dataclasses.replace(LISTENER, form=OLD), Settings())]) == ["error"]


@pytest.mark.parametrize(
    ("read", "heard", "booted", "expected"),
    [
        ("call,system", False, True, ["ok"]),
        ("all", False, True, ["ok"]),
        ("system", False, True, ["error"]),
        ("call", False, False, ["ok", "warning"]),
        (None, True, True, ["ok"]),
        (None, False, True, ["note"]),
    ],
)
def test_what_a_listener_may_read_is_told_by_the_console_or_by_what_it_hears(
    read: str | None, heard: bool, booted: bool, expected: list[str]
) -> None:
    listener = dataclasses.replace(LISTENER, booted=booted)
    shown = {} if read is None else {"manager show user ears": f"username: ears\nread perm: {read}\nwrite perm: x"}
    sender = dataclasses.replace(SENDER, console=shown)
    assert levels([*judge.of_read_rights(listener, [sender, listener], heard)]) == expected


def test_disabled_events_that_the_listener_reads_are_an_error_and_a_setvar_a_warning() -> None:
    console = {
        "manager show settings": "Disabled events: Newstate,VarSet\nWeb Manager (AMI/HTTP):    Yes",
        "manager show user dialer": "        read perm: \nallowmultiplelogin: yes\n         Variables: \n        X = 1",
    }
    found = [*judge.of_console([dataclasses.replace(SENDER, console=console)])]
    assert [(one.level, one.subject) for one in found] == [
        ("warning", "setvar"), ("error", "disabledevents"), ("note", "webenabled"),
    ]  # fmt: skip
    assert "Newstate" in found[1].says
    assert "VarSet" not in found[1].says


def test_an_asterisk_that_nobody_reaches_is_one_finding_and_a_refusal_is_one_for_each_user() -> None:
    away = [dataclasses.replace(one, error=ConnectFailed("no connection to x:1: no")) for one in (SENDER, LISTENER)]
    refused = [dataclasses.replace(one, error=LoginRefused("refused x; mend y")) for one in (SENDER, LISTENER)]
    assert [one.subject for one in judge.of_logins(away)] == ["connection"]
    assert [(one.subject, one.says, one.mend) for one in judge.of_logins(refused)] == [
        ("sender's login", "refused x", "mend y"), ("listener's login", "refused x", "mend y"),
    ]  # fmt: skip
    (mute,) = judge.of_logins([dataclasses.replace(SENDER, error=NoBanner("no banner"))])
    assert "authlimit" in mute.mend


def test_a_sender_that_may_log_in_only_once_is_an_error_and_a_slow_login_a_warning() -> None:
    single = dataclasses.replace(SENDER, second_login=LoginRefused("Login Already In Use; mend it"))
    assert levels([*judge.of_login(single)]) == ["ok", "error"]
    assert levels([*judge.of_login(dataclasses.replace(LISTENER, second_login=single.second_login))]) == [
        "ok", "warning",
    ]  # fmt: skip
    assert levels([*judge.of_login(dataclasses.replace(SENDER, took=2.0))]) == ["warning"]


def test_limits_are_read_from_manager_conf_and_secrets_are_not(tmp_path: Path) -> None:
    path = tmp_path / "manager.conf"
    path.write_text(
        "[general]\nauthlimit = 8 ; few\n;writetimeout = 9999\n[ears](base)\nsecret = hush\nwritetimeout => 10000\n"
    )
    lines = conf.read(path)
    assert "hush" not in repr(lines)
    found = {one.subject: one for one in judge.of_limits(Settings(), lines, path)}
    assert {name: one.level for name, one in found.items()} == {"authlimit": "error", "writetimeout": "warning"}
    assert "[ears] sets 10000 ms" in found["writetimeout"].says
    assert "line 6" in found["writetimeout"].says


def test_limits_that_cannot_be_seen_are_said_to_be_so() -> None:
    many = Settings.model_validate({"sender": {"max_logins": 40}})
    assert [(one.level, one.subject) for one in judge.of_limits(many, None, None)] == [
        ("warning", "max_logins"), ("note", "writetimeout"),
    ]  # fmt: skip


def heard(**names: int) -> Heard:
    return Heard(10.0, 1000, Counter(names))


def test_a_filter_that_loses_wanted_events_is_an_error() -> None:
    found = [*volume.of_traffic(Traffic(heard(Hangup=30), heard(Hangup=30, Newstate=30)), with_filter=True)]
    assert [one.level for one in found if one.subject == "filter"] == ["error", "note"]
    assert "Newstate" in found[1].says


def test_unwanted_events_that_come_all_the_same_are_a_warning() -> None:
    loud = heard(Hangup=20, VarSet=100, Newexten=50)
    found = [*volume.of_traffic(Traffic(loud, loud), with_filter=False)]
    assert [one.level for one in found] == ["ok", "warning"]
    assert "150 of 170" in found[1].says
    assert "VarSet 100" in found[1].says
    quiet = [*volume.of_traffic(Traffic(heard(Hangup=20), loud), with_filter=True)]
    assert [one.level for one in quiet] == ["ok"]


def test_silence_proves_nothing() -> None:
    (finding,) = volume.of_traffic(Traffic(heard(), heard()), with_filter=True)
    assert finding.level == "note"


def test_the_advice_has_the_filter_syntax_and_the_classes_of_the_version() -> None:
    named = advice.manager_conf("dialer", "ears", ["Originate", "Hangup", "Command"], OF_22)
    assert "write = call,command,originate\n" in named
    assert "eventfilter(action(include),name(Hangup)) =\n" in named
    legacy = advice.manager_conf("dialer", "ears", ["Originate"], OF_16)
    assert "eventfilter = ^Event: (FullyBooted|Hangup|" in legacy
    old = advice.manager_conf("dialer", "ears", ["Originate"], OLD)
    assert "eventfilter" not in old
    assert "write = call\n" in old
    one = advice.manager_conf("both", "both", ["Originate"], OF_22)
    assert one.count("[") == 1
    assert "write = originate,reporting\n" in one
