"""Exceptions of edgecore. A wrong argument is TypeError or ValueError, not one of these."""


class EdgecoreError(Exception):
    """Root of every error edgecore raises by itself."""


class ModelError(EdgecoreError):
    """A model file cannot be used; the text says why."""


class EngineError(EdgecoreError):
    """An inference engine or accelerator cannot be had, or failed."""


class SourceError(EdgecoreError):
    """A frame source cannot be opened, or ended in failure.

    Attributes:
        source: its name in a pipeline; None outside of one.
    """

    source: str | None = None


class ConfigError(EdgecoreError):
    """A configuration key is unknown or its value is unusable; the text names the key."""
