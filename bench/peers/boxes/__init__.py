"""Non-maximum suppression of other libraries, class-aware, each in the best form found for it.

A module's `suppressors()` lists its ways. Each takes `edgecore.benchmark.boxes.Boxes` (float32
boxes and scores, int64 classes, as a decoder leaves them) and returns the kept indices in any
order; converting to what the library wants is part of the time. Libraries that know no classes get
boxes shifted apart by class, as their users do it.
"""
