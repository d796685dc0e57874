"""Ways to hand a frame of SIZE bytes to another process, in Python.

`Sender(place, size)` makes the way at the path `place`; `frame()` is memory to write the next frame
into, on the way itself where it has any; `send()` hands that over. `Receiver(place, size)`, in
another process, comes afterwards; `receive()` sleeps until there is a frame and returns its bytes.
"""
