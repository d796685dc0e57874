"""What is no verdict on the device."""

from edgecore.errors import EdgecoreError


class RigError(EdgecoreError):
    """The rig failed, not the device: no port, no power, no image. Its text begins with `rig:`.

    A test that meets one is reported as an error, never as a failure.
    """

    def __init__(self, text: object) -> None:
        super().__init__(f"rig: {text}")
