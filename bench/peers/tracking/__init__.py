"""Trackers of boxes, one module a library.

A module has NAME, VERSION and `trackers()`, which gives makers by name: a maker begins a tracker
and gives a function from one frame's sightings to its boxes' ids, -1 for none.
"""
