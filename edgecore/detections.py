"""What a detector found in one frame."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Timings:
    """Wall time of the stages of one frame, milliseconds; 0 where a stage did not run."""

    preprocess_ms: float = 0.0
    invoke_ms: float = 0.0
    postprocess_ms: float = 0.0


@dataclass(slots=True, eq=False)
class Detections:
    """Boxes found in one picture, by falling confidence; every column has the same length n.

    Attributes:
        xyxy: float32 (n, 4): x0, y0, x1, y1 in pixels, x1 >= x0 and y1 >= y0.
        confidence: float32 (n,).
        class_id: int32 (n,).
        class_name: n strings; the class id in digits where there is no label for it.
        truncated: whether `max_detections` left out at least one more.
        tracker_id: int32 (n,), -1 for what has no id, or None where nothing tracks.
        keypoints: float32 (n, k, 2) in pixels, or None for a head that has none.
        timings: of this frame.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int32]
    class_name: list[str] = field(default_factory=list)
    truncated: bool = False
    tracker_id: NDArray[np.int32] | None = None
    keypoints: NDArray[np.float32] | None = None
    timings: Timings = Timings()

    @classmethod
    def empty(cls) -> "Detections":
        """No detections at all."""
        return cls(
            xyxy=np.empty((0, 4), np.float32),
            confidence=np.empty(0, np.float32),
            class_id=np.empty(0, np.int32),
        )

    def __len__(self) -> int:
        return len(self.confidence)
