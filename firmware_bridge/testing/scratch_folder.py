"""Temporary folders that are gone with the process that made them, however it ends."""

from __future__ import annotations

import os
import subprocess
import tempfile
import weakref
from pathlib import Path

_REMOVE = 'read -r end; rm -rf -- "$1"'


class ScratchFolder:
    """A folder of this process's own; a shell removes it when this end of a pipe is closed, as the
    kernel does for a process that was killed.

    Attributes:
        path: of the folder.
    """

    def __init__(self, prefix: str) -> None:
        """Makes it, where temporary files are; `prefix`: of its name."""
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        theirs, ours = os.pipe()
        remover = subprocess.Popen(
            ["/bin/sh", "-c", _REMOVE, "sh", self.path],
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # a signal to the tests' process group is not for it
        )
        os.close(theirs)
        self._end = weakref.finalize(self, _end, ours, remover)

    def close(self) -> None:
        """Removes it with all that is in it; a second call does nothing."""
        self._end()


def _end(ours: int, remover: subprocess.Popen[bytes]) -> None:
    os.close(ours)
    remover.wait()
