"""Changes that leave the truth: mirror, exposure, colour, blur and sensor noise."""

import numpy as np
import numpy.typing as npt

from edgecore.synthetic.camera import FloatArray, floats
from edgecore.synthetic.training.dataset import INPUT_SIZE


def augment(
    rng: np.random.Generator, picture: npt.NDArray[np.uint8], boxes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The picture as float32 (h, w, 3) of 0..1 and its boxes (objects, 4), both changed alike."""
    changed = floats(picture) / 255
    if rng.random() < 0.5:
        changed = changed[:, ::-1]
        boxes = np.stack(
            [INPUT_SIZE[1] - boxes[:, 2], boxes[:, 1], INPUT_SIZE[1] - boxes[:, 0], boxes[:, 3]],
            axis=1,
        )
    if rng.random() < 0.7:
        gains = rng.uniform(0.7, 1.3) * rng.uniform(0.93, 1.07, 3)
        changed = changed * floats(gains)
        middle = changed.mean(dtype=np.float32)
        changed = middle + (changed - middle) * np.float32(rng.uniform(0.75, 1.25))
    if rng.random() < 0.15:
        changed[:, 1:] = (changed[:, 1:] + changed[:, :-1]) / 2
    if rng.random() < 0.5:
        noise = rng.standard_normal(changed.shape, np.float32)
        changed = changed + noise * np.float32(rng.uniform(0, 0.02))
    return np.clip(changed, 0, 1, out=np.ascontiguousarray(changed)), boxes
