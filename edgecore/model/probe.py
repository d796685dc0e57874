"""The child that loads an unknown model for the first time, and may die of it.

    python -m edgecore.model.probe PATH ENGINE ACCELERATOR [INDEX:SIDE,SIDE,...]...

It prints one word a stage, "load" and "run", then "done" and the largest value of each output;
"refused" and why the model is; or "unavailable", the reason and the detail where it is the
accelerator. It ends with status 0, REFUSED or UNAVAILABLE. Whatever else it does tells the parent
that the model is not to be used.
"""

import contextlib
import os
import resource
import sys

REFUSED = 3
UNAVAILABLE = 4

_MAX_MEMORY_BYTES = 8 << 30
_MAX_CPU_S = 600


def main(arguments: list[str]) -> int:
    """Load the model, fill its inputs with zeros, invoke it once and look at its outputs."""
    path, engine_name, accelerator, *resizes = arguments
    _confine(memory_too=accelerator == "cpu")
    from edgecore import engines
    from edgecore.engines import litert_api
    from edgecore.engines.accelerator import MODEL_NOT_TAKEN
    from edgecore.errors import AcceleratorError, EdgecoreError, EngineError

    litert_api.severity = litert_api.NOTICES
    try:
        _say("load")
        engine = engines.load(path, engine_name, accelerator)
        for resize in resizes:
            place, _, sides = resize.partition(":")
            engine.resize(int(place), tuple(int(side) for side in sides.split(",")))
        for index in range(len(engine.inputs)):
            with engine.input(index) as array:
                array[...] = 0
        _say("run")
        engine.invoke()
        largest = []
        for index in range(len(engine.outputs)):
            with engine.output(index) as array:
                largest.append(float(array.max()) if array.size else 0.0)
    except AcceleratorError as error:
        return _unavailable(error.reason, error.detail)
    except (EdgecoreError, ValueError, TypeError, MemoryError) as error:
        if accelerator != "cpu" and isinstance(error, EngineError):
            return _unavailable(MODEL_NOT_TAKEN, str(error))
        _say("refused")
        _say(" ".join(str(error).split()) or type(error).__name__)
        return REFUSED
    _say("done")
    _say(" ".join(map(repr, largest)))
    return 0


def _unavailable(reason: str, detail: str) -> int:
    _say("unavailable")
    _say(reason)
    _say(" ".join(detail.split()) or reason)
    return UNAVAILABLE


def _say(text: str) -> None:
    print(text, flush=True)


def _confine(memory_too: bool) -> None:
    """A hostile model shall cost neither a core dump, nor all memory, nor the parent's life.

    Drivers of accelerators map far more than they use: there the address space stays open, to a
    model that has been tried on the CPU before.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limits = [(resource.RLIMIT_CPU, _MAX_CPU_S)]
    if memory_too:
        limits.append((resource.RLIMIT_AS, _address_space_bytes() + _MAX_MEMORY_BYTES))
    for limit, most in limits:
        _, hard = resource.getrlimit(limit)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError, OverflowError):
            resource.setrlimit(limit, (allowed, hard))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")


def _address_space_bytes() -> int:
    """What this process has mapped already, which under a sanitizer is terabytes."""
    with contextlib.suppress(OSError, ValueError), open("/proc/self/statm") as statistics:
        return int(statistics.read().split()[0]) * resource.getpagesize()
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)
