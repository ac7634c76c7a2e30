"""What is wrong between us and one Asterisk, and how to mend it: `asterisk check`.

`look` and `traffic` ask Asterisk; `rights`, `judge` and `advice` are pure and say what the answers mean. Nothing here
changes anything at Asterisk: a right is read from the list of actions that it offers to the user, never tried out.
"""
