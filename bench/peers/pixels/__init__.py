"""Preprocessing chains of other libraries, each in the best form found for it.

A module's `chains(workload, interpolation)` lists what its library can do of a workload. Each chain
takes the frame's bytes and returns the filled tensor; buffers are made once, work is in place where
the library allows it, and every library is held to one thread.
"""
