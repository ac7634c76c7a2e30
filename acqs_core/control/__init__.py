"""The Engine seen through a Unix socket: how a console, or a command, watches and steers a running engine.

A console never shares the engine's interpreter (sharing one cost half the rate, design §7). `server` answers, `client`
asks, `desk` is what may be asked, `wire` is what goes over the socket, `places` is where sockets are, `host` runs an
engine for a console that found none.
"""
