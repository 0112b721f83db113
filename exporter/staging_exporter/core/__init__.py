"""States, the rules of diagnosis and everything else that is pure. Imported by every package; imports none.

Standard library only, no clock, no I/O: time is an argument, in Unix seconds.
"""
