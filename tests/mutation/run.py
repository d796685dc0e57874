"""Mutation testing of the link's C: plants one mistake after the other and sees which test notices.

    python -m tests.mutation.run --count 100 --seed 1 [--write] [csrc/link/ring.c ...]

A mutant is compiled into a copy of `firmware_bridge` in build/mutants, and the tests nearest to its
file run until the first one fails. Ending without an answer (a crash, a loop without end) is
noticed too. Where the compiler makes the same code of it, it is no mutant. What survives is a
missing test, or equivalent: then equivalent.txt says why. The exit status is 1 for any other.
Interrupted, it tells of those that it came to; the next run takes over what still holds.
"""

import argparse
import contextlib
import datetime
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

import pytest

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.objects import ROOT, SUFFIX, compiled, linked
from tests.mutation.verdicts import Verdicts

TREE = ROOT / "build/mutants"
# What a file's code is in, and the tests nearest to it, those first that notice most.
SESSION = ("session", "session_requests", "session_data", "session_clock")
PROTOCOL = (*SESSION, "retransmission", "noise", "failsafe", "firmware", "transfer")
CODEC = ("codec", "session", "schema", "core")
TRANSFER = ("transfer", "update")
NEAREST = {
    "csrc/link/bulk_*.c": TRANSFER,
    "csrc/link/manifest.c": (*TRANSFER, "core"),
    "csrc/link/sha256.c": (*TRANSFER, "sha256"),
    "csrc/link/cobs.c": CODEC,
    "csrc/link/frame.c": CODEC,
    "csrc/link/crc32c.c": ("core",),
    "csrc/link/schema.c": ("schema", "session", "core", "firmware"),
    "csrc/link/command.c": ("firmware", "core"),
    "csrc/link/log.c": ("logs",),
    "csrc/link/auth.c": ("hmac", "auth", "core", "session"),
    "csrc/link/h[km]*.c": ("hmac", "auth"),
    "csrc/link/handshake.c": (*PROTOCOL, "auth"),
    "csrc/link/*.c": PROTOCOL,
    "csrc/host/clock.c": ("clock",),
    "csrc/firmware/core/update.c": TRANSFER,
    "csrc/firmware/core/boot.c": ("update", "transfer"),
    "csrc/firmware/core/slot.c": ("update", "transfer"),
}
# The extensions, among those that these tests use, in which a file's code is.
EXTENSIONS = {
    "csrc/link/bulk_receiver.c": ("_sim",),
    "csrc/link/bulk_sender.c": ("_bulk",),
    "csrc/link/manifest.c": ("_sim",),
    "csrc/link/sha256.c": ("_sim",),
    "csrc/link/cobs.c": ("_codec", "_link", "_sim", "_noise"),
    "csrc/link/frame.c": ("_codec", "_link", "_sim", "_noise"),
    "csrc/link/crc32c.c": (),  # hosts have a quicker one
    "csrc/link/log.c": ("_sim",),
    "csrc/link/*.c": ("_link", "_sim", "_noise"),
    "csrc/host/*.c": ("_carrier",),
    "csrc/firmware/core/*.c": ("_sim",),
}
# Emulated machines have images of their own; whether the sources compile cleanly is not asked.
LEFT_OUT = "not mps2 and not lm3s6965evb and not bytewise and not freestanding"
LIMIT_S = 600.0


def targets() -> dict[Path, tuple[str, ...]]:
    files: dict[Path, tuple[str, ...]] = {}
    for what, near in NEAREST.items():
        for path in sorted(ROOT.glob(what)):
            files.setdefault(path, near)
    return files


def place(path: Path, text: str) -> Path:
    """Writes a file of csrc into the tree, under its own name."""
    to = TREE / path.relative_to(ROOT)
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(text)
    return to


def extensions(path: Path) -> tuple[str, ...]:
    return next(names for what, names in EXTENSIONS.items() if path.relative_to(ROOT).match(what))


def restore(path: Path) -> None:
    for name in extensions(path):
        shutil.copy(ROOT / f"firmware_bridge/{name}{SUFFIX}", TREE / "firmware_bridge")


def tested(path: Path, near: tuple[str, ...]) -> None:
    """Runs the tests in this process, which ends with pytest's status."""
    os.setpgid(0, 0)
    output = os.open(TREE / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ["PYTHONPATH"] = f"{TREE}:{ROOT}"
    os.environ["MUTATION_OF"] = str(path)
    os.environ["MUTATION"] = str(TREE / path.relative_to(ROOT))
    status = 1
    try:
        status = pytest.main(
            [
                *("-x", "-q", "-p", "no:cacheprovider", "-p", "tests.mutation.quick"),
                *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
                *("--hypothesis-seed=0", "-k", LEFT_OUT),
                *("--override-ini", f"pythonpath={TREE.relative_to(ROOT)} ."),
                *(f"tests/link/test_{name}.py" for name in near),
            ]
        )
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def passes(path: Path, near: tuple[str, ...]) -> tuple[bool, str]:
    """Whether the tests pass, and the first that does not; in a child that has pytest loaded."""
    assert "firmware_bridge" not in sys.modules
    child = os.fork()
    if child == 0:
        tested(path, near)
    until = time.monotonic() + LIMIT_S
    try:
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
            if time.monotonic() > until:
                os.killpg(child, signal.SIGKILL)
            time.sleep(0.05)
    except KeyboardInterrupt:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    status = os.waitstatus_to_exitcode(ended[1])
    if status == 0:
        return True, ""
    output = (TREE / "output.txt").read_text(errors="replace")
    failed = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR "))]
    if failed:
        return False, failed[0].split(" ")[1]
    return False, signal.Signals(-status).name if status < 0 else f"exit status {status}"


def known() -> dict[tuple[str, str, str, str], str]:
    """Mutants that no test can notice: file, function or "", line before, line after, and why."""
    reasons, path, function, before, after = {}, "", "", "", ""
    for line in (Path(__file__).parent / "equivalent.txt").read_text().splitlines():
        if line.startswith("csrc/"):
            path = line
        elif line.startswith("@ "):
            function = line[2:]
        elif line.startswith("- "):
            before = line[2:]
        elif line.startswith("+"):
            after = line[2:]
        elif line.startswith("= "):
            reasons[path, function, before, after] = line[2:]
            function = ""
    return reasons


def sampled(files: dict[Path, tuple[str, ...]], count: int, seed: int) -> list[Mutant]:
    """One of each file first, then any."""
    generator = random.Random(seed)
    first, rest = [], []
    for path in files:
        made = mutants_of(path)
        generator.shuffle(made)
        first += made[:1]
        rest += made[1:]
    generator.shuffle(rest)
    return (first + rest)[:count]


class Run:
    """What became of each mutant: counts by file, and who survived."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.survivors: list[tuple[str, str, str]] = []
        self.equivalent = known()
        self.plain: dict[Path, bytes] = {}
        self.verdicts = Verdicts()

    def need_passing(self, path: Path, near: tuple[str, ...]) -> None:
        """What fails without a mutant notices none."""
        place(path, path.read_text())
        if self.verdicts.get(f"none of {near}", near) is None:
            good, witness = passes(path, near)
            if not good:
                raise SystemExit(f"without any mutant: {witness}")
            self.verdicts.put(f"none of {near}", "nothing", near)

    def judge(self, mutant: Mutant, near: tuple[str, ...]) -> str:
        path = mutant.path
        name = str(path.relative_to(ROOT))
        key = f"{name}:{mutant.start}:{mutant.end}:{mutant.text}"
        if (known_witness := self.verdicts.get(key, near)) is not None:
            return f"caught by {known_witness}"
        if path not in self.plain:
            self.plain[path] = compiled(place(path, path.read_text())).read_bytes()
        made = compiled(place(path, mutant.source()))
        if made is None or made.read_bytes() == self.plain[path]:
            return "same code"
        if any((name, of, *mutant.change()) in self.equivalent for of in ("", mutant.function())):
            return "equivalent"
        for name in extensions(path):
            linked(name, [made], TREE / "firmware_bridge")
        survived, witness = passes(path, near)
        restore(path)
        if survived:
            self.survivors.append((f"{name}:{mutant.line()}", *mutant.change()))
            return "SURVIVED"
        self.verdicts.put(key, witness, near)
        return f"caught by {witness}"

    def add(self, mutant: Mutant, near: tuple[str, ...]) -> None:
        verdict = self.judge(mutant, near)
        if verdict == "same code":
            return
        name = str(mutant.path.relative_to(ROOT))
        self.counts.setdefault(name, Counter())[verdict.split(" by ")[0]] += 1
        before, after = mutant.change()
        print(f"{name}:{mutant.line()}: {verdict}\n  - {before}\n  + {after}", flush=True)

    def table(self) -> str:
        kinds = ("caught", "SURVIVED", "equivalent")
        rows = [
            [f"`{name}`", *(str(counts[kind]) for kind in kinds)]
            for name, counts in sorted(self.counts.items())
        ]
        sums = (str(sum(counts[kind] for counts in self.counts.values())) for kind in kinds)
        lines = [["file", "caught", "survived", "equivalent"], ["---"] * 4, *rows, ["all", *sums]]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="of csrc; all unless named")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="writes docs/proof/mutants.md")
    asked = parser.parse_args()
    files = targets()
    if asked.files:
        files = {path: files[path] for path in (ROOT / name for name in asked.files)}
    shutil.rmtree(TREE, ignore_errors=True)
    shutil.copytree(ROOT / "firmware_bridge", TREE / "firmware_bridge")
    run = Run()
    for near in dict.fromkeys(files.values()):
        run.need_passing(next(path for path, its in files.items() if its == near), near)
    with contextlib.suppress(KeyboardInterrupt):
        for mutant in sampled(files, asked.count, asked.seed):
            run.add(mutant, files[mutant.path])
    print(f"\n{run.table()}")
    for where, before, after in run.survivors:
        print(f"survived: {where}\n- {before}\n+ {after}")
    if asked.write:
        from bench import harness  # imports firmware_bridge, of which a child wants its own

        (ROOT / "docs/proof/mutants.md").write_text(
            "# a mistake in the link's C is noticed\n\n"
            f"`make mutants MUTANTS={asked.count} SEED={asked.seed}`; {harness.machine()}; "
            f"{datetime.date.today()}; the table says how far this run came. Mutants that compile "
            "to the same code are not counted; why one is equivalent stands in "
            "`tests/mutation/equivalent.txt`.\n\n"
            f"{run.table()}\n"
        )
    return 1 if run.survivors else 0


if __name__ == "__main__":
    sys.exit(main())
