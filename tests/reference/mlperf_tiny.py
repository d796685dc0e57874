"""The reference firmware's answers to MLPerf Tiny's commands, written the slow, obvious way."""

from __future__ import annotations

COMMAND_MAX = 80
INPUT_MAX = 96 * 96 * 3
INPUTS, OUTPUTS = 3072, 10

GREETING = "m-timestamp-mode-performance\r\nm-init-done\r\nm-ready\r\n"
HELP = [
    "edgecore, MLPerf Tiny commands; each ends in %",
    "",
    "help",
    "name                what this device is",
    "profile             protocol and model",
    "timestamp           its clock, microseconds",
    "db load N           an input of N bytes follows",
    "db HH[HH...]        its next bytes, hexadecimal",
    "db print            the bytes that came",
    "infer [N=1 [W=10]]  N inferences on it after W to warm up",
    "results             of the last inference",
]


def scores(data: bytes) -> list[int]:
    """Of the untrained dense layer, in thousandths."""
    return [
        sum(value * ((i * (o + 1) + o) % 15 - 7) for i, value in enumerate(data))
        for o in range(OUTPUTS)
    ]


def number(word: str) -> int | None:
    whole = word != "" and all(letter in "0123456789" for letter in word)
    return int(word) if whole and int(word) < 2**31 else None


class Device:
    """Answers at a time that stands still."""

    def __init__(self) -> None:
        self.now_us = 0
        self.pending = b""
        self.size = 0
        self.input = b""
        self.scores = [0] * OUTPUTS

    def feed(self, data: bytes) -> bytes:
        """The answers to all commands that these bytes end."""
        *commands, self.pending = (self.pending + data).split(b"%")
        return "".join(
            line + "\r\n" for command in commands for line in [*self.answer(command), "m-ready"]
        ).encode()

    def answer(self, raw: bytes) -> list[str]:
        raw = raw.replace(b"\r", b"").replace(b"\n", b"")
        if len(raw) > COMMAND_MAX:
            return [f"e-[Command longer than {COMMAND_MAX} letters]"]
        text = "".join(chr(byte) if 32 <= byte <= 126 else "?" for byte in raw)
        name, first, second = ([word for word in text.split(" ") if word] + ["", "", ""])[:3]
        if name == "name":
            return ["m-name-dut-[edgecore untrained reference]"]
        if name == "profile":
            return ["m-profile-[ULPMark for tinyML Firmware V0.0.1]", "m-model-[ic01]"]
        if name == "timestamp":
            return [f"m-lap-us-{self.now_us}"]
        if name == "help":
            return HELP
        if name == "results":
            return [self.results()]
        if name == "db":
            return self.db(first, second)
        if name == "infer":
            return self.infer(first, second)
        return [f"e-[Unknown command: {name}]"]

    def results(self) -> str:
        signs = [("-" if score < 0 else "", abs(score)) for score in self.scores]
        words = [f"{sign}{size // 1000}.{size % 1000:03}" for sign, size in signs]
        return f"m-results-[{','.join(words)}]"

    def db(self, what: str, size: str) -> list[str]:
        if what == "load":
            count = number(size)
            if not count:
                return ["e-[db load: expected a number of bytes, 1 or more]"]
            if count > INPUT_MAX:
                return [f"e-[db load: more than {INPUT_MAX} bytes]"]
            self.size, self.input = count, b""
            return [f"m-[Expecting {count} bytes]"]
        if what == "print":
            rows = [self.input[at : at + 8] for at in range(0, len(self.input), 8)]
            return [f"m-buffer-{row.hex('-')}" for row in rows]
        if what == "":
            return ["e-[db: expected load, print or hex digits]"]
        if len(what) % 2:
            return ["e-[db: expected two hex digits for each byte]"]
        if any(letter not in "0123456789abcdefABCDEF" for letter in what):
            return ["e-[db: expected load, print or hex digits]"]
        if len(self.input) == self.size:
            return ["e-[db: no load is under way]"]
        self.input = (self.input + bytes.fromhex(what))[: self.size]
        return ["m-load-done"] if len(self.input) == self.size else []

    def infer(self, count: str, warm: str) -> list[str]:
        inferences = 1 if count == "" else number(count)
        warmups = 10 if warm == "" else number(warm)
        if not inferences:
            return ["e-[infer: expected 1 or more inferences]"]
        if warmups is None:
            return ["e-[infer: expected 0 or more warm-ups]"]
        if len(self.input) != INPUTS or self.size != INPUTS:
            return [f"e-[infer: expected an input of {INPUTS} bytes, loaded]"]
        self.scores = scores(self.input)
        return [
            f"m-warmup-start-{warmups}",
            "m-warmup-done",
            f"m-infer-start-{inferences}",
            f"m-lap-us-{self.now_us}",
            f"m-lap-us-{self.now_us}",
            "m-infer-done",
            self.results(),
        ]
