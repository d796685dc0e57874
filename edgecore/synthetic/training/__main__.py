"""`python -m edgecore.synthetic.training`: render, train, export."""

import argparse
import os
from pathlib import Path

PLACES, SCENES_PER_PLACE = 210, 45
STEPS = 2200
SEED = 1
THREADS = 2


def main() -> None:
    """Make the embedded model from nothing, or from the scenes of an earlier run."""
    parser = argparse.ArgumentParser(
        prog="python -m edgecore.synthetic.training", description=main.__doc__
    )
    parser.add_argument("--out", type=Path, required=True, help="the .tflite file to write")
    parser.add_argument("--work", type=Path, default=Path("build/training"), help="rendered scenes")
    parser.add_argument("--steps", type=int, default=STEPS, help="batches to train on")
    chosen = parser.parse_args()

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from edgecore.synthetic.training import dataset
    from edgecore.synthetic.training.export import export
    from edgecore.synthetic.training.train import train

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn()) as shown:
        if not (chosen.work / "counted.npy").exists():
            bar = shown.add_task("rendering", total=PLACES)
            dataset.render(
                chosen.work,
                PLACES,
                SCENES_PER_PLACE,
                os.cpu_count() or 1,
                lambda done, _: shown.update(bar, completed=done),
            )
        scenes = dataset.load(chosen.work)
        steps = shown.add_task("training", total=chosen.steps)
        model = train(
            scenes,
            chosen.steps,
            SEED,
            lambda done, loss: shown.update(
                steps, completed=done, description=f"training, loss {loss:.3f}"
            ),
        )
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        model.save(chosen.work / "road.keras")
        chosen.out.write_bytes(export(model, scenes))
    print(f"{chosen.out}: {chosen.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
