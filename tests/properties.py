"""How properties are tried: Hypothesis' settings here. A room that has properties imports this.

Not for all of them in tests/conftest.py: Hypothesis takes as long to import as pytest itself, and
the rigs' suite, with its many workers, has no property to try.
"""

from hypothesis import HealthCheck, settings

# No test asserts a time, on a loaded machine least of all.
settings.register_profile(
    "timeless", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("few", settings.get_profile("timeless"), max_examples=10)
settings.load_profile("timeless")
