"""Exceptions of edgecore. A wrong argument is TypeError or ValueError, not one of these."""


class EdgecoreError(Exception):
    """Root of every error edgecore raises by itself."""


class ModelError(EdgecoreError):
    """A model file cannot be used; the text says why."""


class EngineError(EdgecoreError):
    """An inference engine or accelerator cannot be had, or failed."""


class AcceleratorError(EngineError):
    """An accelerator cannot be had.

    Attributes:
        accelerator: as it was asked for.
        reason: one of `edgecore.engines.accelerator.REASONS`.
        detail: what was found, in words.
    """

    def __init__(self, accelerator: str, reason: str, detail: str) -> None:
        super().__init__(f"{accelerator}: {reason}: {detail}")
        self.accelerator = accelerator
        self.reason = reason
        self.detail = detail


class DeviceError(EdgecoreError):
    """A device under test is silent, refuses a command, or answers what makes no sense."""


class SourceError(EdgecoreError):
    """A frame source cannot be opened, or ended in failure.

    Attributes:
        source: its name in a pipeline; None outside of one.
    """

    source: str | None = None


class ConfigError(EdgecoreError):
    """A configuration key is unknown or its value is unusable; the text names the key."""


class FlightError(EdgecoreError):
    """A flight recording cannot be read; the text names the file and what is wrong with it."""
