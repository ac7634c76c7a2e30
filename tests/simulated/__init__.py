"""The simulator beside Asterisk: recorded cases played to it again, and what came back held against the recording.

`python -m tests.simulated` says what is compared and what is not, and why.
"""
