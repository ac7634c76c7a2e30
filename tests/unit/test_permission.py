"""Which messages may be written, tried by somebody who can INSERT rows and wants the box behind Asterisk."""

from __future__ import annotations

import time

import pytest

from acqs_core.action import Outcome, Row
from acqs_core.sender.screening import Screening
from acqs_core.settings import SenderSettings

LIVING = "Channel: Local/600@default"

TARGET = (LIVING, "Context: default", "Exten: 600", "Priority: 1")

ATTACKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "a program": ("Originate", (LIVING, "Application: System", "Data: reboot")),
    "a program, in other letters": ("oRIGINATE", (LIVING, "aPPLICATION: SYSTEM", "Data: reboot")),
    "a program, quietly": ("Originate", (LIVING, "Application: TrySystem", "Data: reboot")),
    "a program, without a blank": ("Originate", (LIVING, "Application:System", "Data: reboot")),
    "a program, by a tab": ("Originate", (LIVING, "Application:\tSystem", "Data: reboot")),
    "a program, with a blank before the colon": ("Originate", (LIVING, "Application : System", "Data: reboot")),
    "a program, with a blank before the name": ("Originate", (LIVING, " Application: System", "Data: reboot")),
    "a program behind an empty header": ("Originate", (LIVING, "Application:", "Application: System")),
    "a program behind a harmless one": ("Originate", (LIVING, "Application: Wait", "Application: System")),
    "a program before a harmless one": ("Originate", (LIVING, "Application: System", "Application: Wait")),
    "an application that runs applications": ("Originate", (LIVING, "Application: Exec", "Data: System(reboot)")),
    "one that does so on a condition": ("Originate", (LIVING, "Application: ExecIf", "Data: 1?System(reboot)")),
    "an AGI": ("Originate", (LIVING, "Application: AGI", "Data: /bin/reboot")),
    "an AGI among a queue's arguments": ("Originate", (LIVING, "Application: Queue", "Data: q,,,,,/bin/reboot")),
    "a recording that runs a program": ("Originate", (LIVING, "Application: MixMonitor", "Data: a.wav,,reboot")),
    "an Originate that originates": ("Originate", (LIVING, "Application: Originate", "Data: Local/1,app,System")),
    "an evaluation": ("Originate", (LIVING, "Application: Set", "Data: X=1")),
    "an expression": ("Originate", (LIVING, "Application: NoOp", "Data: ${SHELL(reboot)}")),
    "arithmetic": ("Originate", (LIVING, "Application: NoOp", "Data: $[${EVAL(${x})}]")),
    "an expression in the caller id": ("Originate", (*TARGET, "CallerID: ${SHELL(reboot)}")),
    "an expression for a subroutine": ("Originate", (*TARGET, "PreDialGoSub: x,s,1(${SHELL(reboot)})")),
    "an expression for a dialplan that evaluates": ("Originate", (*TARGET, "Variable: a=${SHELL(reboot)}")),
    "a file that is written": ("Originate", (*TARGET, "Variable: FILE(/etc/cron.d/x)=* * * * * root reboot")),
    "a file, by a blank": ("Originate", (*TARGET, "Variable:  FILE(/etc/x)=y")),
    "a file, by quotes": ("Originate", (*TARGET, 'Variable: "F"ILE(/etc/x)=y')),
    "a file, by a backslash": ("Originate", (*TARGET, "Variable: \\FILE(/etc/x)=y")),
    "a file, in small letters": ("Originate", (*TARGET, "Variable: file(/etc/x)=y")),
    "a file, inherited": ("Originate", (*TARGET, "Variable: __FILE(/etc/x)=y")),
    "a file, second": ("Originate", (*TARGET, "Variable: a=b,FILE(/etc/x)=y")),
    "a file, second on an old Asterisk": ("Originate", (*TARGET, "Variable: a=b|FILE(/etc/x)=y")),
    "a file, with commas in its name": ("Originate", (*TARGET, "Variable: FILE(/etc/x,0,1)=y")),
    "a file, in a later header": ("Originate", (*TARGET, "Variable: a=b", "variable: FILE(/etc/x)=y")),
    "the database of Asterisk": ("Originate", (*TARGET, "Variable: DB(a/b)=c")),
    "a function inside a function": ("Originate", (*TARGET, "Variable: CHANNEL(SHELL(reboot))=c")),
    "what a recording runs at its end": ("Originate", (*TARGET, "Variable: MONITOR_EXEC=reboot")),
    "the same, inherited and second": ("Originate", (*TARGET, "Variable: a=b,__monitor_exec=reboot")),
    "what a conference runs": ("Originate", (*TARGET, "Variable: MEETME_AGI_BACKGROUND=/bin/reboot")),
    "that on a living channel": ("Setvar", (LIVING, "Variable: MONITOR_EXEC", "Value: reboot")),
    "a file on a living channel": ("Setvar", (LIVING, "Variable: FILE(/etc/x)", "Value: y")),
    "a shell by Setvar": ("Setvar", (LIVING, "Variable: SHELL(reboot)", "Value: y")),
    "a page by Setvar": ("Setvar", (LIVING, "Variable:  CURL(http://x)", "Value: y")),
    "a variable of the whole dialplan": ("Setvar", ("Variable: TRUNK", "Value: SIP/mine")),
    "one behind an empty channel": ("Setvar", ("Channel:", "Variable: TRUNK", "Value: SIP/mine")),
    "a secret among the dialplan's variables": ("Getvar", ("Variable: PASSWORD",)),
    "a shell that is read": ("Getvar", (LIVING, "Variable: SHELL(reboot)")),
    "a shell with a pipe": ("Getvar", (LIVING, "Variable: SHELL(echo|sh)")),
    "an evaluation that is read": ("Getvar", (LIVING, "Variable: EVAL(x)")),
    "a shell among many": ("Status", (LIVING, "Variables: a,CALLERID(num),SHELL(reboot)")),
    "a shell on the console": ("Command", ("Command: !reboot",)),
    "a call from the console": ("Command", ("Command: channel originate Local/1 application System reboot",)),
    "a stop": ("Command", ("Command: core stop now",)),
    "a stop behind a look": ("Command", ("Command: core show uptime", "Command: core stop now")),
    "a word that only begins alike": ("Command", ("Command: core showdown",)),
    "a new line of the dialplan": ("Command", ("Command: dialplan add extension 1,1,System,reboot into default",)),
    "the settings of Asterisk": ("GetConfig", ("Filename: manager.conf",)),
    "other settings": ("UpdateConfig", ("SrcFilename: manager.conf", "Action-000000: Append")),
    "a module": ("ModuleLoad", ("Module: /tmp/x.so", "LoadType: load")),
    "the database": ("DBPut", ("Family: a", "Key: b", "Val: c")),
    "an AGI from outside": ("AGI", (LIVING, "Command: EXEC System reboot")),
    "another user": ("Login", ("Username: admin", "Secret: x")),
    "an application of the filestream": ("FilestreamX", (LIVING,)),
    "a recording's command": ("MixMonitor", (LIVING, "File: a.wav", "Command: reboot")),
    "a recording's command in its name": ("MixMonitor", (LIVING, "File: a.wav,,reboot")),
    "a recording's command in its options": ("MixMonitor", (LIVING, "File: a.wav", "Options: b,reboot")),
    "a shell's quote in a recording's name": ("Monitor", (LIVING, 'File: a"; reboot; "', "Mix: true")),
    "a shell's expression in it": ("Monitor", (LIVING, "File: $(reboot)", "Mix: true")),
    "that, changed later": ("ChangeMonitor", (LIVING, "File: `reboot`")),
    "a bridge's second channel with an expression": ("Redirect", (*TARGET, "ExtraChannel: ${SHELL(reboot)}")),
}  # fmt: skip

INVALID: dict[str, tuple[str, tuple[str, ...]]] = {
    "a second action behind a CR and LF": ("Originate", (*TARGET, "X: y\r\n\r\nAction: Command")),
    "a second action behind a LF": ("Originate", (*TARGET, "X: y\n\nAction: Command")),
    "a second action in a line of its own": ("Originate", (*TARGET, "Action: Command")),
    "a second action in other letters": ("Originate", (*TARGET, "aCTION:Command")),
    "another row's call": ("Originate", (*TARGET, "ChannelId: acqs-0000000007")),
    "another row's call, for the other half": ("Originate", (*TARGET, "OtherChannelId: ACQS-0000000007")),
    "another row's answer": ("Ping", ("ActionID: acqs-7-beef",)),
}

GOOD: dict[str, tuple[str, tuple[str, ...]]] = {
    "the seed's own": ("Originate", ("Exten: 8600051", "Context: default", "Channel: Local/8600011@demo",
                                     "Priority: 1", "Callerid: V0101")),
    "VICIdial's call": ("Originate", ("Exten: 8309", "Context: default", "Channel: Local/58600051@default",
                                      "Priority: 1", 'Callerid: "V0115" <7275551212>', "Timeout: 40000",
                                      "Account: V0115", "VACnote: agent call")),
    "VICIdial's kick": ("Command", ("Command: meetme kick 8600051 XXYYXXYYXXYYXX",)),
    "VICIdial's list": ("Command", ("Command: MeetMe   list 8600051",)),
    "VICIdial's mute on a new Asterisk": ("Command", ("Command: confbridge mute 9600051 PJSIP/100-00000001",)),
    "VICIdial's recording": ("Monitor", (LIVING, "File: 20260115-101112_7275551212_6666_V0115-in", "Format: wav")),
    "a recording into a folder": ("MixMonitor", (LIVING, "File: /var/spool/asterisk/monitor/MIX/a_1.wav",
                                                 "Options: br(/tmp/a.wav)t(/tmp/b.wav)v(1)")),
    "the end of it": ("StopMonitor", (LIVING,)),
    "a redirect of two": ("Redirect", (*TARGET, "ExtraChannel: SIP/2-1", "ExtraContext: default", "ExtraExten: 1",
                                       "ExtraPriority: 1")),
    "digits": ("PlayDTMF", (LIVING, "Digit: 5")),
    "a pause of a queue's member": ("QueuePause", ("Interface: SIP/100", "Paused: true")),
    "variables": ("Originate", (*TARGET, "Variable: lead=7,__campaign=A (test)", "Variable: note=Hello, world (x)")),
    "variables of an old Asterisk": ("Originate", (*TARGET, "Variable: lead=7|_campaign=A")),
    "the name of the caller": ("Originate", (*TARGET, "Variable: CALLERID(name)=José,CHANNEL(language)=fr")),
    "codecs": ("Originate", (*TARGET, "Codecs: ulaw,alaw")),
    "a greeting": ("Originate", (LIVING, "Application: Playback", "Data: beep&hello")),
    "a look at a variable": ("Getvar", (LIVING, "Variable: CALLERID(num)")),
    "a look at many": ("Status", (LIVING, "Variables: a,CALLERID(num),CHANNEL(audioreadformat)")),
    "its own id": ("Originate", (*TARGET, "ActionID: mine", "ChannelId: my-1")),
}  # fmt: skip


def outcome_of(one: tuple[str, tuple[str, ...]], **settings: object) -> tuple[Outcome, str] | None:
    action, lines = one
    return Screening(SenderSettings.model_validate(settings)).refusal(Row(7, action, "", lines), set())


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_row_that_reaches_for_the_box_is_not_sent(attack: tuple[str, tuple[str, ...]]) -> None:
    refusal = outcome_of(attack)
    assert refusal is not None
    assert refusal[0] is Outcome.NOT_ALLOWED
    assert "[sender] allow_" in refusal[1] or "holds a character" in refusal[1], "it says how to mend it"


@pytest.mark.parametrize("attack", INVALID.values(), ids=INVALID)
def test_a_row_that_would_speak_for_another_is_invalid(attack: tuple[str, tuple[str, ...]]) -> None:
    refusal = outcome_of(attack)
    assert refusal is not None
    assert refusal[0] is Outcome.INVALID


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_what_a_dialer_queues_is_sent(good: tuple[str, tuple[str, ...]]) -> None:
    assert outcome_of(good) is None


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_who_allows_everything_gets_it(attack: tuple[str, tuple[str, ...]]) -> None:
    lists = ("allow_actions", "allow_applications", "allow_commands", "allow_functions")
    refusal = outcome_of(attack, **{name: ["*"] for name in lists})
    assert refusal is None


@pytest.mark.parametrize(
    ("attack", "allowed"),
    [
        ("the database", {"allow_actions": ["DBput"]}),
        ("a program", {"allow_applications": ["system "]}),
        ("a stop", {"allow_commands": ["core  stop"]}),
        ("the database of Asterisk", {"allow_functions": ["db"]}),
        ("a variable of the whole dialplan", {"allow_functions": ["GLOBAL"]}),
    ],
)
def test_what_a_list_names_may_be_done_and_nothing_else_of_its_kind(attack: str, allowed: dict[str, object]) -> None:
    assert outcome_of(ATTACKS[attack], **allowed) is None
    others = ("the settings of Asterisk", "an AGI", "a call from the console", "a shell by Setvar")
    assert all(outcome_of(ATTACKS[other], **allowed) is not None for other in others)


@pytest.mark.parametrize("action", ["Originate", "Setvar"])
@pytest.mark.parametrize("end", ["", "(", "=", ")="])
@pytest.mark.parametrize("piece", ["_", "a", "(", ",(", ",_", "a(", "a)", ",a ", "=(", "|", " "])
def test_a_row_that_was_made_to_be_slow_to_judge_is_not(action: str, end: str, piece: str) -> None:
    """What one row costs, every other waits for: its time may grow as its length does, not as the square of that."""
    longest = f"Variable: {(piece * 1022)[: 1012 - len(end)]}{end}"
    lines = (LIVING, *[longest] * 9)
    spent = []
    for _ in range(2):  # of which one may collect garbage
        begun = time.thread_time()
        outcome_of((action, lines))
        spent.append(time.thread_time() - begun)
    assert min(spent) < 0.02, "it takes some 2 ms; as the square of its length, up to 200"
