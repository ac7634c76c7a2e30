"""What lists of channels look like: CoreShowChannels, Status, and the console's commands."""

from __future__ import annotations

import time
from collections.abc import Iterable

from acqs_core.simulator.channel import Channel, Party
from acqs_core.simulator.wire import encode


def _line(text: str) -> str:
    return text + "\r\n"


def _bridge_id(ch: Channel) -> str:
    return ch.bridge.uniqueid if ch.bridge is not None else ""


def _age(ch: Channel) -> int:
    return int(time.time() - ch.created)


def core_show_channel(ch: Channel, action_id: str) -> bytes:
    """One item of CoreShowChannels."""
    identity = _line(f"ActionID: {action_id}") if action_id else ""
    hours, rest = divmod(_age(ch), 3600)
    duration = f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"
    tail = (
        f"Application: {ch.application}\r\nApplicationData: {ch.data}\r\n"
        f"Duration: {duration}\r\nBridgeId: {_bridge_id(ch)}\r\n\r\n"
    )
    return encode(_line("Event: CoreShowChannel") + identity + ch.snapshot() + tail)


def status(ch: Channel, action_id: str) -> bytes:
    """One item of Status."""
    shown: Party = ch.connected
    media = "slin" if ch.is_local else "ulaw"
    tail = (
        ("Type", ch.name.partition("/")[0]),
        ("DNID", ""),
        ("EffectiveConnectedLineNum", shown.number or "<unknown>"),
        ("EffectiveConnectedLineName", shown.name or "<unknown>"),
        ("TimeToHangup", "0"),
        ("BridgeID", _bridge_id(ch)),
        ("Application", ch.application),
        ("Data", ch.data),
        ("Nativeformats", f"({media})"),
        ("Readformat", media),
        ("Readtrans", ""),
        ("Writeformat", media),
        ("Writetrans", ""),
        ("Callgroup", "0"),
        ("Pickupgroup", "0"),
        ("Seconds", str(_age(ch))),
        *((("ActionID", action_id),) if action_id else ()),
    )
    rest = "".join(_line(f"{key}: {value}") for key, value in tail)
    return encode(_line("Event: Status") + _line("Privilege: Call") + ch.snapshot() + rest + "\r\n")


def concise(ch: Channel) -> str:
    """A line of `core show channels concise`."""
    fields = (
        ch.name, ch.context, ch.exten, ch.priority, ch.state.words, ch.application, ch.data, ch.caller.number,
        ch.account, "", 3, _age(ch), _bridge_id(ch), ch.uniqueid,
    )  # fmt: skip
    return "!".join(map(str, fields))


def channels_table(channels: Iterable[Channel], active: int, processed: int) -> list[str]:
    """The lines of `core show channels`; a call, in Asterisk's count, is one run of the dialplan."""
    shown = list(channels)
    lines = [f"{'Channel':<64} {'Location':<32} {'State':<7} {'Application(Data)':<30}"]
    for ch in shown:
        where = f"{ch.exten}@{ch.context}:{ch.priority}"
        ran = f"{ch.application}({ch.data})" if ch.application else "(None)"
        lines.append(f"{ch.name[:64]:<64} {where[:32]:<32} {ch.state.words[:7]:<7} {ran[:30]:<30}")
    lines.append(f"{len(shown)} active channel{'' if len(shown) == 1 else 's'}")
    lines.append(f"{active} active call{'' if active == 1 else 's'}")
    lines.append(f"{processed} call{'' if processed == 1 else 's'} processed")
    return lines


def uptime(label: str, seconds: int) -> str:
    """`System uptime: 6 minutes, 59 seconds`."""
    days, rest = divmod(seconds, 86_400)
    parts = ((days, "day"), (rest // 3600, "hour"), (rest % 3600 // 60, "minute"), (rest % 60, "second"))
    said = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count or unit == "second"]
    return f"{label}: {', '.join(said)}"
