"""Faults on purpose: what breaks programs, servers and wires, and what became of every row when it did.

proxy.py       a TCP proxy that delays, throttles, cuts, swallows and half-closes, each direction by itself
stopping.py    kills or stops a program at a named step of an action's life; nursery.py starts many of those quickly
ground.py      the real parts on which many server_ips stand side by side; load.py is a producer there
account.py     counts by witnesses what became of their rows: settled, unknown, lost, sent twice
catalogue.py   every fault with its promise; kills.py, deeds.py, leases.py, databases.py, asterisks.py, wires.py inject
               them
report.py      what they did, as a page
__main__.py    `make faults`: all of them, so many times each, into docs/reliability.md
model/         the whole queue in one thread: real engines under a clock, a database and an Asterisk that a test moves;
               laws.py is what must hold after every step, test_model_laws.py shows that each law can be broken
test_fuzz_*.py random input of every kind; effort.py says how much of it; fuzz.py is `make fuzz`, with new seeds

Another fault is a function that takes a Ground, a kind of table and a random.Random and gives an Injection, and a line
in catalogue.py. `python -m tests.faults --only 'mark sent' --times 3` tries it alone.
"""
