"""Faults on purpose: what breaks programs, servers and wires, and what became of every row when it did.

proxy.py       a TCP proxy that delays, throttles, cuts, swallows and half-closes, each direction by itself
stopping.py    kills or stops a program at a named step of an action's life; nursery.py starts many of those quickly
ground.py      the real parts on which many server_ips stand side by side; account.py counts what became of their rows
catalogue.py   every fault with its promise; kills.py, leases.py, databases.py, asterisks.py, wires.py inject them
__main__.py    `make faults`: all of them, so many times each, into docs/reliability.md
"""
