"""Exceptions of the link. A wrong argument is TypeError or ValueError, not one of these."""


class BridgeError(Exception):
    """Root of every error the link raises by itself."""


class BridgeConnectionError(BridgeError, ConnectionError):
    """The port cannot be opened, is gone, or the device never answered."""


class BridgeTimeoutError(BridgeError, TimeoutError):
    """No RESULT before the deadline.

    Attributes:
        may_run: False when the request never left this machine, so that it cannot run; True when
            the device may still execute it, or has.
    """

    def __init__(self, text: str, *, may_run: bool) -> None:
        super().__init__(text)
        self.may_run = may_run


class RefusedError(BridgeError):
    """The device did not execute the request.

    Attributes:
        status: the status byte of its RESULT; see `firmware_bridge.Status`.
    """

    def __init__(self, text: str, *, status: int) -> None:
        super().__init__(text)
        self.status = status


class UnknownOutcomeError(BridgeError):
    """The device was reset after the request was sent: it ran or it did not."""


class LinkBusyError(BridgeError):
    """Too many requests wait for room; try again later."""


class LinkClosedError(BridgeError):
    """The link was closed by this program."""


class ProtocolError(BridgeError):
    """The device speaks another protocol version, or serves a table that makes no sense."""


class AuthenticationError(BridgeError):
    """The device has no key, requires one that was not given, or has another one."""


class RecordingError(BridgeError):
    """A recording cannot be written any further, or the file is none."""


class TransferError(BridgeError):
    """The device did not take what was sent to it.

    Attributes:
        status: see `firmware_bridge.transfer.TransferStatus`.
        old_active: whether the image that ran before still runs; it always does.
    """

    old_active = True

    def __init__(self, text: str, *, status: int) -> None:
        super().__init__(text)
        self.status = status


class UpdateError(BridgeError):
    """The image was transferred and is not, or not surely, the one that stays.

    Attributes:
        old_active: whether the image that ran before still runs; None: unknown.
    """

    def __init__(self, text: str, *, old_active: bool | None) -> None:
        super().__init__(text)
        self.old_active = old_active
