"""The figures to reach: how many times quicker edgecore should be than what, and on which job."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from edgecore.benchmark.boxes import COUNTS, KINDS
from edgecore.benchmark.pixels import WORKLOADS

if TYPE_CHECKING:
    from bench.harness import Row

TITLES = {workload.key: workload.title for workload in WORKLOADS}
FROM_1000 = COUNTS[1:]


class Target(NamedTuple):
    """One figure.

    Args:
        figure: what it is called.
        workloads: those it holds on; the worst of them counts.
        reach: the ratio, rival's median over edgecore's.
        against: "any" peer, any "accurate" one, or the peer of that name.
        isa: only this instruction set's row of ours; None: the quickest.
    """

    figure: str
    workloads: tuple[str, ...]
    reach: float
    against: str = "any"
    isa: str | None = None

    def ours(self, implementation: str) -> bool:
        """Whether a row of edgecore's counts here."""
        return self.isa is None or implementation.split()[-1] == self.isa

    def rival(self, row: Row) -> bool:
        """Whether a peer's row counts here."""
        if self.against == "any":
            return True
        if self.against == "accurate":
            return row.accurate is not False
        return row.implementation.partition(":")[0] == self.against


class Amount(NamedTuple):
    """One figure that is no ratio: a fact of one row.

    Args:
        figure: what it is called.
        workload, implementation: the row.
        fact: which of its facts.
        reach: the least that is wanted, or with `most` the most.
    """

    figure: str
    workload: str
    implementation: str
    fact: str
    reach: float
    most: bool = False

    def met(self, amount: float) -> bool:
        """Whether so much is enough."""
        return amount <= self.reach if self.most else amount >= self.reach


def preprocess_name(key: str, interpolation: str, cold: bool) -> str:
    """A preprocessing workload's name in the tables."""
    return f"({key}) {TITLES[key]}, {interpolation}, {'cold' if cold else 'hot'}"


def nms_name(kind: str, n: int) -> str:
    """A suppression workload's name in the tables."""
    return f"NMS {n:,} {kind}, class-aware"


HEADS = {
    "yolov8-float32": "YOLOv8 float32 1x84x8400 to detections",
    "yolov8-int8": "YOLOv8 int8 1x84x8400 to detections",
    "ssd-float32": "SSD raw float32 1917x91 to detections",
    "ssd-int8": "SSD raw int8 1917x91 to detections",
}


def _preprocess() -> list[Target]:
    hot = {"a": (4, 14), "b": (2.5, 12), "c": (4, 4), "d": (7, 7), "e": (7, 7)}
    made = []
    for key, (best, accurate) in hot.items():
        names = (preprocess_name(key, "bilinear", cold=False),)
        for reach, against in ((best, "any"), (accurate, "accurate")):
            figure = f"preprocess ({key}) hot bilinear, {against} peer"
            made.append(Target(figure, names, reach, against))
    names = (preprocess_name("a", "bilinear", cold=False),)
    for reach, against in ((1.6, "any"), (6, "accurate")):
        figure = f"preprocess (a) hot bilinear on AVX2, {against} peer"
        made.append(Target(figure, names, reach, against, isa="avx2"))
    for key, reach in {"a": 1.8, "b": 1.6}.items():
        cold = (preprocess_name(key, "bilinear", cold=True),)
        made.append(Target(f"preprocess ({key}) cold bilinear, any peer", cold, reach))
    for key, reach in {"a": 25, "b": 15, "c": 10, "d": 6, "e": 15}.items():
        area = (preprocess_name(key, "area", cold=False),)
        made.append(Target(f"preprocess ({key}) hot area, accurate peer", area, reach, "accurate"))
    return made


def _nms() -> list[Target]:
    made = []
    for n in COUNTS:
        for kind in KINDS:
            reach = 1.0 if n < 1000 else 2.3 if (n, kind) == (1000, "dense") else 4.0
            made.append(Target(f"NMS {n:,} {kind}, any peer", (nms_name(kind, n),), reach))
    large = tuple(nms_name(kind, n) for n in FROM_1000 for kind in KINDS)
    made.append(Target("NMS at 1,000 and above, OpenCV", large, 30, "opencv"))
    made.append(Target("NMS at 1,000 and above, plain torch", large, 250, "torch"))
    return made


def _heads() -> list[Target]:
    reach = {"yolov8-float32": 4.5, "yolov8-int8": 7, "ssd-float32": 4, "ssd-int8": 8}
    made = [Target(f"{HEADS[key]}, any peer", (HEADS[key],), ratio) for key, ratio in reach.items()]
    int8 = (HEADS["yolov8-int8"],)
    made.append(Target(f"{HEADS['yolov8-int8']}, Ultralytics", int8, 100, "ultralytics"))
    return made


TARGETS = (*_preprocess(), *_nms(), *_heads())

DETECT = "detect, yolov8n int8 640 on 1280x720 NV12"
TRACKING = "one frame of 100 tracked objects"

_DECODE = "decode 1000 64-byte frames"
RECOVERY = "next detection after the engine's process was ended, yolov8n int8"
IMPORT = "import where NumPy is there already"
RESIDENT = "resident memory once SSD MobileNet has run, over the interpreter's own"
RING = "3.1 MB frame to another process, from publishing to reading"
_QEMU_BOUND = "bound of the clock's error under QEMU"
_BESIDE = "720p NV12 frame to detections beside invoke, "
CORES = "720p NV12 through a pipeline on all cores, yolov8n int8 640"
_TRIP, _OVER = "round trip over a pty", "us over os.read"
AMOUNTS = (
    Amount(
        "host overhead, yolov8n int8 640",
        _BESIDE + "yolov8n int8 640",
        "edgecore",
        "% over invoke",
        2,
        most=True,
    ),
    Amount(
        "host overhead, yolox_nano float32 416",
        _BESIDE + "yolox_nano float32 416",
        "edgecore",
        "% over invoke",
        4,
        most=True,
    ),
    Amount("pipelined", CORES, "one stream", "% of the bare rate", 98.5),
    Amount(
        "two streams on two interpreters",
        CORES,
        "two streams, two interpreters",
        "% of the bare rate",
        98.5,
    ),
    Amount("encode", "encode 1000 64-byte frames, one by one", "edgecore", "M frames/s", 4),
    Amount("decode", _DECODE, "edgecore, frames", "M frames/s", 10),
    Amount("bulk decode", _DECODE, "edgecore, arrays", "M frames/s", 20),
    Amount("round trip, blocking", _TRIP, "request", _OVER, 20, most=True),
    Amount("round trip, asyncio", _TRIP, "request_async", _OVER, 45, most=True),
    Amount("commands", "reliable commands over a pty", "request_many", "k commands/s", 250),
    Amount(
        "a full line of 3 Mbaud",
        "processor time of a full 3 Mbaud line, decoded",
        "os.read and Decoder",
        "% of a core",
        4,
        most=True,
    ),
    Amount(
        "clock",
        "clock over a simulated 921600 baud line",
        "edgecore",
        "p99 error us",
        10,
        most=True,
    ),
    Amount("next detection, killed", RECOVERY, "killed", "worst ms", 500, most=True),
    Amount("next detection, hung", RECOVERY, "hung", "worst ms", 500, most=True),
    Amount("import edgecore, over NumPy", IMPORT, "edgecore", "ms", 15, most=True),
    Amount("memory over the engine's own", RESIDENT, "edgecore", "MB over it", 6, most=True),
    Amount("frame ring", RING, "edgecore ring", "us p50", 60, most=True),
    Amount("tracking of 100 objects", TRACKING, "edgecore", "us a frame", 100, most=True),
    Amount(
        "clock, bound on sim",
        "bound of the clock's error, the simulated device behind a pty",
        "edgecore",
        "p99 us",
        200,
        most=True,
    ),
    *(
        Amount(f"clock, bound on {machine}", _QEMU_BOUND, machine, "p99 us", 200, most=True)
        for machine in ("mps2-an386", "lm3s6965evb")
    ),
    Amount("GIL during detect", DETECT, "edgecore", "% GIL free", 95),
)
