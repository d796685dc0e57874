"""This room has properties."""

import tests.properties  # noqa: F401
