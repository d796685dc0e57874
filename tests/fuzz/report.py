"""Writes docs/proof/fuzz.md from the logs of `make -C tests/fuzz run`."""

import datetime
import re
from pathlib import Path

from bench import harness

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build/fuzz"
TARGETS = {
    "preprocess": "every instruction set gives baseline's tensor, and writes nothing beside it",
    "decode": "every instruction set decodes a head to the same bits; results are sane",
    "nms": "every instruction set keeps what the plain definition keeps",
    "tracking": "a drive gives the same ids and finite boxes each time",
    "link": "invariants 1 to 4, 7 and 14 to 16 of the [protocol](../protocol.md)",
    "transfer": "invariants 7, 10 and 11 of the [protocol](../protocol.md)",
    "tiny": "the answers to MLPerf Tiny's commands are whole lines, one m-ready a command",
}
PULSE = re.compile(r"^#\d+\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)/", re.M)
EXECUTED = re.compile(r"number_of_executed_units: (\d+)")


def row(target: str) -> str:
    """One target's line of the table, of a run that ended or was interrupted."""
    log = (LOGS / f"{target}.log").read_text(errors="replace")
    pulses, executed = PULSE.findall(log), EXECUTED.search(log)
    findings = len(list(LOGS.glob(f"finding_{target}_*")))
    if not pulses or executed is None:
        raise SystemExit(f"{target}: the log has no figures; {findings} findings")
    edges, features, corpus = pulses[-1]
    cells = (f"`fuzz_{target}`", TARGETS[target], executed[1], findings, edges, features, corpus)
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    rows = "\n".join(map(row, TARGETS))
    (ROOT / "docs/proof/fuzz.md").write_text(
        "# the native code under fuzzing\n\n"
        "tests/fuzz, libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer; "
        f"{harness.machine()}; {datetime.date.today()}. `make prove` asks for a million executions "
        "a target; the table says how far this run came.\n\n"
        "| target | what must hold | executions | findings | edges covered | features | inputs |\n"
        "|---|---|---|---|---|---|---|\n"
        f"{rows}\n"
    )


if __name__ == "__main__":
    main()
