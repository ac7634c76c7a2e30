"""A model of the whole queue in one thread: real engines, stores and leases on SQLite, under a clock, a network and a
database that the test moves step by step, and that fail wherever it wants.

world.py puts it together; process.py is a program that can be killed, stopped and starved at any of its waits; box.py
is an Asterisk without a wire; laws.py is what must hold after every step; machine.py lets hypothesis choose the steps.
"""
