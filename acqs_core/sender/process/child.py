"""One child session in a process of its own: does what the sender says, and nothing once the sender is gone.

It decides nothing. The sender owns every deadline that counts and kills a process that misses one, so a child that
hangs, is stopped or dies can neither hold anybody up nor write late.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time

from acqs_core.ami.session import Endpoint, NotWritten, Session
from acqs_core.errors import AmiError
from acqs_core.sender.process.frames import Frame, Kind, connect, encode, read, told_of

BEAT = 0.2
"""Seconds from one sign of life to the next, while a login is under way."""


def live(connection: socket.socket) -> None:
    """The whole life of a child, from after its fork until it may exit."""
    asyncio.new_event_loop().run_until_complete(_live(connection))


async def _live(connection: socket.socket) -> None:
    reader, writer = await connect(connection)
    writer.transport.set_write_buffer_limits(high=0)
    commands = asyncio.Queue[Frame]()
    listening = asyncio.create_task(_listen(reader, commands))
    writer.write(encode(Kind.READY))
    endpoint = (await commands.get()).head
    beating = asyncio.create_task(_beat(writer))
    try:
        session = await Session.open(Endpoint(**endpoint), events="off")
    except AmiError as error:
        writer.write(encode(Kind.FAILED, **told_of(error)))
    else:
        beating.cancel()
        writer.write(encode(Kind.OPENED, banner=session.banner, knows_channel_id=session.knows_channel_id))
        await _serve(session, commands, writer)
    await writer.drain()
    beating.cancel()
    listening.cancel()


async def _listen(reader: asyncio.StreamReader, commands: asyncio.Queue[Frame]) -> None:
    while (frame := await read(reader)) is not None:
        commands.put_nowait(frame)
    os._exit(0)  # the sender is gone, or through with this child: whatever it was at, nothing more is written


async def _beat(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(encode(Kind.ALIVE))
        await asyncio.sleep(BEAT)


async def _serve(session: Session, commands: asyncio.Queue[Frame], writer: asyncio.StreamWriter) -> None:
    telling = asyncio.create_task(_tell_of_end(session, writer))
    while (command := await commands.get()).kind is not Kind.LEAVE:
        writer.write(encode(Kind.WRITES))
        await writer.drain()
        writer.write(await _perform(session, command))
    await session.logoff(command.head["timeout"])
    await telling


async def _tell_of_end(session: Session, writer: asyncio.StreamWriter) -> None:
    writer.write(encode(Kind.ENDED, **told_of(await session.closed())))


async def _perform(session: Session, command: Frame) -> bytes:
    head = command.head
    try:
        if time.monotonic() > head["before"]:
            raise NotWritten("the process of this session was stopped or slow, and the action was not written")
        response = await session.perform(command.body, head["action_id"], head["timeout"])
    except AmiError as error:
        return encode(Kind.FAILED, **told_of(error))
    return encode(Kind.ANSWERED, response.raw)
