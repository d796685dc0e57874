"""Annotation and recordings: what was drawn can be seen, what was recorded can be played."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import av
import av.error
import numpy as np
import pytest
from PIL import Image

from edgecore.agent import recording
from edgecore.agent.recording import Annotated, PictureRecording, Recorder, VideoRecording
from edgecore.annotate import ALARM, annotate
from edgecore.detections import Detections
from edgecore.errors import SourceError
from edgecore.frame import Frame


def detections(*boxes: tuple[float, float, float, float]) -> Detections:
    return Detections(
        xyxy=np.array(boxes, np.float32).reshape(-1, 4),
        confidence=np.linspace(0.9, 0.5, len(boxes)).astype(np.float32),
        class_id=np.arange(len(boxes), dtype=np.int32),
        class_name=["car", "person", "truck"][: len(boxes)],
    )


def flat(width: int, height: int, *color: int) -> np.ndarray:
    return np.full((height, width, 3), color or (90, 90, 90), np.uint8)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=2)


def test_boxes_are_drawn_on_a_copy_at_their_edges() -> None:
    plain = flat(200, 120)
    drawn = annotate(plain, detections((40, 50, 120, 100)))
    assert (plain == 90).all()
    assert drawn.shape == plain.shape
    marks = changed(plain, drawn)
    assert marks[50:101, 40].all()
    assert marks[100, 40:121].all()
    assert not marks[60:95, 50:110].any()
    assert not marks[105:, :].any()
    assert marks[:50, 40:120].any(), "the label stands above the box"


@pytest.mark.parametrize(
    "box", [(-20, -20, 10, 10), (190, 110, 260, 200), (0, 0, 200, 120), (50, 40, 50, 40)]
)
def test_boxes_at_and_beyond_the_edges_are_drawn_without_error(
    box: tuple[float, float, float, float],
) -> None:
    assert changed(flat(200, 120), annotate(flat(200, 120), detections(box))).any()


def test_no_detections_leave_the_picture_as_it_is() -> None:
    assert (annotate(flat(64, 48), detections()) == 90).all()


def test_alarm_marks_the_lead_and_the_frame_in_its_own_colour() -> None:
    drawn = annotate(
        flat(200, 120), detections((60, 50, 120, 100)), highlight=0, caption=["x"], alarm=True
    )
    assert tuple(drawn[75, 60]) == ALARM
    assert tuple(drawn[119, 100]) == ALARM


def test_read_only_and_strided_pictures_are_taken() -> None:
    whole = flat(64, 96)
    part = whole[::2]
    part.flags.writeable = False
    assert annotate(part, detections((5, 20, 30, 40))).shape == (48, 64, 3)


def played(path: Path) -> tuple[list[np.ndarray], list[float]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [frame.to_ndarray(format="rgb24") for frame in frames], [frame.time for frame in frames]


@pytest.mark.parametrize("encoder", recording.ENCODERS, ids=lambda encoder: encoder[0])
def test_video_keeps_pictures_colours_and_times(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    encoder: recording.Encoder,
) -> None:
    if encoder[0] not in av.codec.codecs_available:
        pytest.skip(f"this PyAV has no {encoder[0]}")
    monkeypatch.setattr(recording, "ENCODERS", (encoder,))
    video = VideoRecording(tmp_path / "clip")
    colors = [(200, 40, 40), (40, 160, 40), (40, 40, 200)] * 3
    times_ns = [5_000_000_000 + 100_000_000 * i + (37_000_000 if i > 4 else 0) for i in range(9)]
    for color, t_ns in zip(colors, times_ns, strict=True):
        video.add(flat(161, 121, *color), t_ns, "clip")
    assert video.path is not None
    video.close()
    frames, seconds = played(video.path)
    assert [frame.shape for frame in frames] == [(120, 160, 3)] * 9
    for frame, color in zip(frames, colors, strict=True):
        assert np.abs(frame.mean(axis=(0, 1)) - color).max() < 12
    assert seconds == pytest.approx([(t - times_ns[0]) / 1e9 for t in times_ns], abs=0.002)


def test_video_is_written_by_the_best_encoder_that_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyAV's wheel for 32-bit ARM has no libx264."""
    missing = ("no_such_encoder", *recording.ENCODERS[0][1:])
    monkeypatch.setattr(recording, "ENCODERS", (missing, *recording.ENCODERS[1:]))
    video = VideoRecording(tmp_path / "clip")
    video.add(flat(160, 120), 0, "a")
    video.close()
    assert video.path is not None
    assert [frame.shape for frame in played(video.path)[0]] == [(120, 160, 3)]
    monkeypatch.setattr(recording, "ENCODERS", (missing,))
    with pytest.raises(SourceError, match="no video encoder in this PyAV"):
        VideoRecording(tmp_path / "other").add(flat(160, 120), 0, "a")


def test_frames_of_another_size_are_scaled_into_the_video(tmp_path: Path) -> None:
    video = VideoRecording(tmp_path / "clip")
    video.add(flat(160, 120), 0, "a")
    video.add(flat(80, 200), 10_000_000, "b")
    video.close()
    assert video.path is not None
    assert [frame.shape for frame in played(video.path)[0]] == [(120, 160, 3)] * 2


def test_video_survives_the_death_of_its_writer(tmp_path: Path) -> None:
    script = f"""
import os, numpy as np
from pathlib import Path
from edgecore.agent.recording import VideoRecording
video = VideoRecording(Path({str(tmp_path / "clip")!r}))
noise = np.random.default_rng(0)
for i in range(400):
    video.add(noise.integers(0, 255, (120, 160, 3), np.uint8), i * 50_000_000, "x")
os.kill(os.getpid(), 9)
"""
    root = Path(__file__).resolve().parents[2]
    subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(root)}, check=False
    )
    count = 0
    with (
        contextlib.suppress(av.error.InvalidDataError),
        av.open(str(next(tmp_path.glob("clip.*")))) as container,
    ):
        for _ in container.decode(video=0):
            count += 1
    assert count > 100


def test_pictures_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    kept = PictureRecording(tmp_path / "out")
    assert kept.path is None
    for label in ("a/bus.jpg", "b/bus.jpg", "clip.mp4#7"):
        kept.add(flat(16, 16), 0, label)
    assert kept.path == tmp_path / "out"
    names = sorted(path.name for path in kept.path.iterdir())
    assert names == ["bus-2.jpg", "bus.jpg", "clip-000007.jpg"]
    with Image.open(kept.path / "bus.jpg") as image:
        assert image.size == (16, 16)


def job(index: int) -> Annotated:
    frame = Frame(flat(64, 48), 64, 48, "rgb", timestamp_ns=index * 50_000_000)
    return Annotated(
        frame, detections((5, 20, 30, 40)), f"x#{index}", index * 50_000_000, 0, ("20 km/h",), False
    )


def test_lossless_recorder_keeps_every_frame(tmp_path: Path) -> None:
    recorder = Recorder(PictureRecording(tmp_path), lossless=True)
    for index in range(40):
        recorder.add(job(index))
    recorder.close()
    assert len(list(tmp_path.glob("*.jpg"))) == 40
    assert recorder.skipped == 0
    assert recorder.error is None


def test_recorder_of_a_live_source_skips_and_counts_what_it_has_no_time_for(
    tmp_path: Path,
) -> None:
    recorder = Recorder(PictureRecording(tmp_path), lossless=False)
    for index in range(200):
        recorder.add(job(index))
    recorder.close()
    assert len(list(tmp_path.glob("*.jpg"))) + recorder.skipped == 200


def test_recording_that_cannot_be_written_is_told_and_blocks_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    recorder = Recorder(PictureRecording(tmp_path / "file" / "out"), lossless=True)
    for index in range(20):
        recorder.add(job(index))
    recorder.close()
    assert isinstance(recorder.error, SourceError)
    assert "cannot be written" in str(recorder.error)


def test_a_recording_that_hangs_is_left_behind_and_said_so() -> None:
    gate = threading.Event()

    class Stuck:
        path = Path("annotated.mp4")

        def add(self, rgb: np.ndarray, timestamp_ns: int, label: str) -> None:
            gate.wait()

        def close(self) -> None:
            pass

    recorder = Recorder(Stuck(), lossless=False)
    for index in range(20):  # more than wait
        recorder.add(job(index))
    closing = threading.Thread(target=recorder.close, args=(0.05,), daemon=True)
    closing.start()
    closing.join(20)
    assert not closing.is_alive()
    assert str(recorder.error) == "annotated.mp4: expected to be written within 0.05 s, and is not"
    gate.set()
