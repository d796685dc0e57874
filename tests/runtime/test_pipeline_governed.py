"""Pipeline under a governor: rate and model go down and come back, and what that drops is told."""

from __future__ import annotations

import itertools
import threading

from edgecore.pipeline import Dropped, Governor, Pipeline, PipelineEvent, Rule, Step

from .pipeline_parts import Adder, Camera, File, StagedReader, number_of

HOT = [Rule("heat", above=80, below=60, hold_s=0.0)]


def test_governor_lowers_the_rate_then_the_model_and_lets_go_again() -> None:
    """A real run: the reading is the test's, everything else the pipeline's own."""
    heat = [90.0]
    events: list[str] = []
    models: list[str | None] = []
    governor = Governor(
        HOT,
        [Step(max_fps=50), Step(max_fps=50, model="small")],
        readings={"heat": lambda: heat[0]},
        period_s=0.02,
    )

    def told(event: PipelineEvent) -> None:
        if event.kind == "governor":
            events.append(event.reason)

    with Pipeline(
        File(10**6),
        StagedReader(),
        models={"small": StagedReader()},
        governor=governor,
        on_event=told,
    ) as pipeline:
        for result in pipeline:
            models.append(result.model)
            if len(events) >= 2:
                heat[0] = 50.0
            if len(events) >= 4 and result.model is None:
                break
    assert events[0] == "level 1, at most 50 frames/s: heat 90.0 above 80 for 0 s"
    assert events[1].startswith("level 2, at most 50 frames/s, model small: heat 90.0")
    assert events[2] == "level 1, at most 50 frames/s: heat 50.0 below 60 for 0 s"
    assert events[3].startswith("level 0, no restriction: ")
    assert [model for model, _ in itertools.groupby(models)] == [None, "small", None]


def test_a_reading_that_calls_exit_is_one_that_cannot_be_had() -> None:
    stepped = threading.Event()
    readings = itertools.chain([SystemExit(3), KeyError("heat")], itertools.repeat(90.0))

    def heat() -> float:
        value = next(readings)
        if isinstance(value, BaseException):
            raise value
        return value

    governor = Governor(HOT, [Step(model="small")], readings={"heat": heat}, period_s=0.001)
    small = StagedReader()
    with Pipeline(
        File(10**6),
        StagedReader(),
        models={"small": small},
        governor=governor,
        on_event=lambda _: stepped.set(),
    ) as pipeline:
        pipeline.start(lambda _: None)
        assert stepped.wait(20)


def test_a_governor_goes_on_in_the_next_pipeline_from_the_step_it_was_at() -> None:
    stepped = threading.Event()
    governor = Governor(HOT, [Step(model="small")], readings={"heat": lambda: 90.0}, period_s=0.001)
    for _ in range(2):
        with Pipeline(
            File(10**6),
            StagedReader(),
            models={"small": StagedReader()},
            governor=governor,
            on_event=lambda _: stepped.set(),
        ) as pipeline:
            results = iter(pipeline)
            first = next(results)
            assert stepped.wait(30)
    assert first.model == "small"


def test_recurrent_state_begins_anew_with_each_change_of_model() -> None:
    heat, changes = [90.0], [0]
    governor = Governor(
        HOT, [Step(model="small")], readings={"heat": lambda: heat[0]}, period_s=0.02
    )

    def told(event: PipelineEvent) -> None:
        changes[0] += event.kind == "governor"
        heat[0] = 50.0 if changes[0] % 2 else 90.0

    seen: list[str | None] = []
    total = 0
    with Pipeline(
        File(10**6), Adder(), models={"small": Adder()}, governor=governor, on_event=told
    ) as pipeline:
        for result in pipeline:
            if seen[-1:] != [result.model]:
                seen.append(result.model)
                total = 0
            total += number_of(result.frame)
            assert int(result.detections.xyxy[0, 0]) == total
            if len(seen) == 4:
                break
    assert seen == [None, "small", None, "small"]


def test_frames_held_back_by_the_governor_are_counted_as_such() -> None:
    camera = Camera()
    governor = Governor(HOT, [Step(max_fps=0.01)], readings={"heat": lambda: 99.0}, period_s=0.001)
    slowed = threading.Event()
    with Pipeline(
        camera, StagedReader(), governor=governor, on_event=lambda _: slowed.set(), overlap=False
    ) as pipeline:
        results = iter(pipeline)
        pipeline.start()
        slowed.wait()
        camera.ready()
        camera.shoot(0)
        assert next(results).frame_id == 0
        for number in range(1, 6):
            camera.shoot(number)
        assert pipeline.dropped == {"source": Dropped(governed=4)}
