"""Extensions with changed C in them: what they are made of, but for the files that changed.

What `python setup.py build_ext --inplace` left in build/temp.* is linked anew; nothing else is
compiled than the files themselves.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
LIBRARIES = ["-lec_firmware", "-lec_host", "-lec_link"]


def compiled(source: Path) -> Path | None:
    """The object of a source, with setup.py's flags; None: it does not compile."""
    made = source.with_suffix(".o")
    flags = ["-std=c99", "-O2", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-w"]
    if source.parent.name == "host":
        flags += ["-D_GNU_SOURCE", "-pthread"]
    done = subprocess.run(
        ["cc", *flags, "-I", ROOT / "csrc", "-c", source, "-o", made], capture_output=True
    )
    return made if done.returncode == 0 else None


def linked(name: str, made: Sequence[Path], package: Path) -> None:
    """Extension `name` of `package`, a copy of firmware_bridge, with these objects in the place of
    the libraries'."""
    built = next(ROOT.glob(f"build/temp.*-{sys.implementation.cache_tag}"))
    own, to = built / f"firmware_bridge/{name}.o", package / f"{name}{SUFFIX}"
    command = ["cc", "-shared", "-Wl,--build-id=sha1", own, *made, f"-L{built}", *LIBRARIES]
    to.unlink(missing_ok=True)
    subprocess.run([*command, "-pthread", "-o", to], check=True)
