"""The wire between the queue and Asterisk: the only package that imports panoramisk.

`wire` is pure (bytes in, messages out); `transmission`, `protocol` and `manager` hold the panoramisk subclasses;
`session` is what the rest of the programs use.
"""
