"""The pure core: standard library only, no clock, no I/O; time is an argument, in Unix seconds."""
