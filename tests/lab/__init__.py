"""Real parts for tests and for a person: MariaDB, Asterisk and SIP phones, on loopback and free ports.

A queue that promises "never written twice" cannot be judged against stand-ins alone: what MariaDB locks, what Asterisk
answers and what a phone refuses are taken from the real thing here. The lab knows nothing of the programs under test,
so that it cannot share their mistakes.
"""
