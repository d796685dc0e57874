"""The training loop: batches of augmented scenes, AdamW, one cosine."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from edgecore.synthetic.training.augmentation import augment
from edgecore.synthetic.training.dataset import Scenes

BATCH = 16
PEAK_RATE = 3e-3
WARM_UP_STEPS = 150
WEIGHT_DECAY = 5e-4

Batch = tuple["np.ndarray[Any, Any]", ...]


def train(scenes: Scenes, steps: int, seed: int, progress: Callable[[int, float], None]) -> Any:
    """A trained network.

    Args:
        scenes: to learn from.
        steps: batches of BATCH to take.
        seed: of the weights, the order and the augmentation.
        progress: called with the steps done and the loss.
    """
    import keras
    import tensorflow as tf

    from edgecore.synthetic.training import network
    from edgecore.synthetic.training.loss import loss

    keras.utils.set_random_seed(seed)
    model = network.build()
    rate = keras.optimizers.schedules.CosineDecay(
        PEAK_RATE / 100,
        steps - WARM_UP_STEPS,
        alpha=0.01,
        warmup_target=PEAK_RATE,
        warmup_steps=WARM_UP_STEPS,
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY, clipnorm=10.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    optimizer.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(pictures: Any, boxes: Any, classes: Any, counted: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(model(pictures, training=True), boxes, classes, counted)
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return value

    for done, batch in enumerate(_batches(scenes, steps, seed), 1):
        value = step(*batch)
        if done % 10 == 0 or done == steps:
            progress(done, float(value))
    return model


def _batches(scenes: Scenes, steps: int, seed: int) -> Iterator[Batch]:
    """Every scene once before any comes again."""
    rng = np.random.default_rng(seed)
    order: list[int] = []
    for _ in range(steps):
        if len(order) < BATCH:
            order += rng.permutation(len(scenes.pictures)).tolist()
        chosen, order = order[:BATCH], order[BATCH:]
        changed = [augment(rng, scenes.pictures[i], scenes.boxes[i]) for i in chosen]
        pictures, boxes = (np.stack(parts) for parts in zip(*changed, strict=True))
        objects = slice(int((scenes.classes[chosen] >= 0).sum(axis=1).max()))
        yield (
            pictures,
            boxes[:, objects],
            scenes.classes[chosen][:, objects],
            scenes.counted[chosen][:, objects],
        )
