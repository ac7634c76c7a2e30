"""What a row may do unless the settings say otherwise: drive calls, and nothing that reaches the box behind them.

Whoever can INSERT a row speaks with our manager user's rights, and Asterisk can run programs, write files and change
its own configuration. Lists of what is allowed, since of what is forbidden nobody knows the end: every Asterisk brings
modules of its own. Names are compared without regard to case.
"""

from __future__ import annotations

ALL = "*"
"""In a list of the settings: whatever it is."""

ACTIONS = (
    "Originate", "Redirect", "Hangup", "Atxfer", "CancelAtxfer", "BlindTransfer", "Bridge", "Park", "AbsoluteTimeout",
    "PlayDTMF", "SendText", "MuteAudio", "Setvar", "Getvar", "Status", "CoreShowChannels", "ExtensionState",
    "Monitor", "StopMonitor", "ChangeMonitor", "PauseMonitor", "UnpauseMonitor",
    "MixMonitor", "StopMixMonitor", "MixMonitorMute",
    "MeetmeList", "MeetmeMute", "MeetmeUnmute",
    "ConfbridgeKick", "ConfbridgeList", "ConfbridgeListRooms", "ConfbridgeLock", "ConfbridgeMute", "ConfbridgeUnlock",
    "ConfbridgeUnmute",
    "QueueAdd", "QueuePause", "QueuePenalty", "QueueRemove", "QueueStatus", "QueueSummary",
    "Command", "Ping", "UserEvent",
)  # fmt: skip
"""AMI actions that drive calls. Not among them, for example: AGI, UpdateConfig, GetConfig, ModuleLoad, DBPut, Reload,
MessageSend, Filter, Login. `Command` runs only what COMMANDS has."""

APPLICATIONS = (
    "Answer", "Background", "Bridge", "Busy", "ConfBridge", "Congestion", "Dial", "Echo", "Hangup", "MeetMe",
    "Milliwatt", "MusicOnHold", "NoOp", "Page", "Park", "ParkedCall", "Playback", "Playtones", "Progress", "Ringing",
    "SayAlpha", "SayDigits", "SayNumber", "SayPhonetic", "SendDTMF", "Wait", "WaitExten",
)  # fmt: skip
"""Applications that an Originate may name instead of an extension. Not System, Exec and AGI, nor any that can run one
of them (Queue has an AGI among its arguments, MixMonitor a command), evaluates text, writes a file, or listens to
others' calls."""

COMMANDS = (
    "core show", "meetme list", "meetme kick", "meetme mute", "meetme unmute", "meetme lock", "meetme unlock",
    "confbridge list", "confbridge kick", "confbridge mute", "confbridge unmute", "confbridge lock",
    "confbridge unlock",
)  # fmt: skip
"""First words of console commands that a Command may run: looks, and what conferences need (facts/acqs-perl.md)."""

FUNCTIONS = (
    "AGC", "CALLERID", "CDR", "CHANNEL", "CONNECTEDLINE", "DENOISE", "FAXOPT", "GROUP", "JITTERBUFFER", "PITCH_SHIFT",
    "PJSIP_HEADER", "REDIRECTING", "TALK_DETECT", "TIMEOUT", "VOLUME",
)  # fmt: skip
"""Dialplan functions that a row may set or read where it names a variable. Not SHELL, EVAL, FILE, CURL, DB and their
kin, those that name a further function in their arguments, nor any that func_odbc makes: those carry any name."""

VARIABLES_THAT_RUN = ("MONITOR_EXEC", "MONITOR_EXEC_ARGS", "MEETME_AGI_BACKGROUND")
"""Channel variables whose value Asterisk itself runs as a program: at the end of a Monitor, inside MeetMe(…,b)."""
