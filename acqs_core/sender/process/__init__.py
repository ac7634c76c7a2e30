"""`isolation = "process"`: child sessions in operating-system processes of their own, forked from a small fork server.

`opener` and `remote` are the sender's side, `server` keeps the fork server; `forkserver` and `child` are what runs over
there and load next to nothing; `frames` is the language between the two.
"""
