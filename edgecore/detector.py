"""From a frame to detections: one model, one engine, one decoder."""

import math
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgecore import engines, model
from edgecore.decoding import Decoder, make_choice
from edgecore.detections import Detections, Timings
from edgecore.engines import Engine, EngineInfo, TensorSpec
from edgecore.errors import EngineError, ModelError
from edgecore.frame import Frame
from edgecore.heads import Head
from edgecore.model import Model
from edgecore.preprocessing import Preprocessor, as_frame

State: TypeAlias = dict[int, NDArray[Any]]
"""State tensors of a recurrent model, by the index of the input that takes them; {} for others."""

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector of any instruction set of ours."""


class Detector:
    """A detection model, ready for frames; made by `Detector.from_file`.

    Args:
        facts: what is known of the model.
        engine: the same model, loaded. Nothing else may use it from now on.
        score_threshold, iou_threshold, max_detections, class_agnostic, multi_label: see
            `edgecore.decode`.
        category_allowlist, category_denylist: the same, of class ids or labels.

    Raises:
        ModelError: the model has no head that can be decoded, or an input that cannot be made.
        EngineError: the engine's tensors are not the model's.
        ValueError: a threshold out of range.
    """

    def __init__(
        self,
        facts: Model,
        engine: Engine,
        *,
        score_threshold: float = 0.25,
        iou_threshold: float = 0.45,
        max_detections: int = 300,
        class_agnostic: bool = False,
        multi_label: bool = False,
        category_allowlist: Sequence[str | int] | None = None,
        category_denylist: Sequence[str | int] | None = None,
    ) -> None:
        self._choice = make_choice(
            score_threshold,
            iou_threshold,
            max_detections,
            class_agnostic,
            multi_label,
            _class_ids("category_allowlist", category_allowlist, facts.labels),
            _class_ids("category_denylist", category_denylist, facts.labels),
        )
        self._model = facts
        self._engine = engine
        self._decoder = Decoder(facts.head, facts.labels)
        self._lock = threading.Lock()
        self._info = EngineInfo(engine.name, engine.accelerator)
        _resized(facts, engine)
        self._preprocessor = _preprocessor(facts, engine.inputs[facts.input_index])
        self._state = self.new_state()

    @classmethod
    def from_file(
        cls,
        path: str | Path | None = None,
        *,
        engine: str = "auto",
        accelerator: str = "cpu",
        fallback: Sequence[str] = (),
        num_threads: int | Literal["auto"] = 1,
        score_threshold: float = 0.25,
        iou_threshold: float = 0.45,
        max_detections: int = 300,
        labels: str | Path | Sequence[str] | None = None,
        head: Head | None = None,
        fit: Literal["letterbox", "stretch"] | None = None,
        class_agnostic: bool = False,
        multi_label: bool = False,
        category_allowlist: Sequence[str | int] | None = None,
        category_denylist: Sequence[str | int] | None = None,
    ) -> "Detector":
        """The detector of a model file, which is verified in a child process before its first use.

        Args:
            path: a .tflite file; None: the model of road scenes that ships with the package.
            engine: "auto", "litert" or "tflite".
            accelerator: "cpu", "edgetpu", "edgetpu:DEVICE", "external:/path.so?key=value", "npu",
                "npu:VENDOR?key=value" or "gpu"; any but the CPU is tried with the model in a child
                process first, at every start.
            fallback: further accelerators, tried in turn where the first cannot be had; which is
                used, and why not those before, is in `info`.
            num_threads: CPU threads of the engine; "auto" measures for up to two seconds.
            score_threshold: unitless, in [0, 1].
            iou_threshold: unitless, in [0, 1].
            max_detections: of one frame, at least 1.
            labels: names of the classes, or a text file of them, in place of the model's own.
            head: one of `edgecore.heads`, in place of the one found.
            fit: how a frame is brought to the model's input, in place of what was found.
            class_agnostic: boxes of all classes suppress each other.
            multi_label: a box may be found once for each class that reaches the threshold.
            category_allowlist: labels or class ids; no others are found.
            category_denylist: labels or class ids that are not found.

        Raises:
            ModelError: no such file, a damaged or unknown model, no head that can be decoded, or
                labels that do not match its classes.
            EngineError: the engine cannot be had, or none of the accelerators; AcceleratorError
                where there was one choice.
            ValueError: an argument out of range.
        """
        file = model.embedded() if path is None else Path(path)
        name = engines.choose(engine)
        trial = model.verify(file, name)
        facts = model.read(file, labels=labels, head=head, trial=trial, fit=fit)

        def open_one(choice: str, threads: int) -> Engine:
            if choice != "cpu":
                model.verify(file, name, accelerator=choice)
            return _resized(facts, engines.load(file, name, choice, num_threads=threads))

        loaded, info = engines.open_first(
            engines.version(name), (accelerator, *fallback), num_threads, open_one
        )
        made = cls(
            facts,
            loaded,
            score_threshold=score_threshold,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
            class_agnostic=class_agnostic,
            multi_label=multi_label,
            category_allowlist=category_allowlist,
            category_denylist=category_denylist,
        )
        made._info = info
        return made

    @property
    def info(self) -> EngineInfo:
        """What the model runs on, and why not on what was asked for first."""
        return self._info

    @property
    def model(self) -> Model:
        """What was decided about the model."""
        return self._model

    @property
    def engine(self) -> Engine:
        """The engine that runs the model."""
        return self._engine

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of each class id; empty where nothing names them."""
        return self._model.labels

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the model's input, pixels."""
        return self._model.input_size

    def detect(
        self,
        frame: Frame | NDArray[np.uint8],
        *,
        prepared: NDArray[Any] | None = None,
        state: State | None = None,
    ) -> Detections:
        """What the model finds in `frame`; one call at a time, other threads wait.

        Args:
            frame: a Frame, or uint8 (h, w, 3) RGB.
            prepared: what `prepare` made of this frame, while another was invoked; it is copied
                into the engine's input, which is then the frame's `preprocess_ms`.
            state: of a recurrent model, from `new_state`, in place of the detector's own; after
                the call it is that of the next frame.

        Returns:
            Boxes in pixels of the frame, clipped to it.

        Raises:
            TypeError, ValueError: the frame is none that `edgecore.preprocess` takes.
            EngineError: the engine failed. A recurrent model keeps the state it had before.
        """
        frame = as_frame(frame)
        with self._lock:
            if state is None:
                state = self._state
            started = perf_counter()
            self._fill_inputs(frame, prepared, state)
            filled = perf_counter()
            self._engine.invoke()
            invoked = perf_counter()
            found = self._decode()
            found.xyxy = self._preprocessor.unmap(found.xyxy, frame)
            if found.keypoints is not None:
                found.keypoints = self._points_of_frame(found.keypoints, frame)
            self._keep_state(state)
            ended = perf_counter()
        found.timings = Timings(
            preprocess_ms=(filled - started) * 1e3,
            invoke_ms=(invoked - filled) * 1e3,
            postprocess_ms=(ended - invoked) * 1e3,
        )
        return found

    def prepare(
        self, frame: Frame | NDArray[np.uint8], out: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """The model's input made of `frame`, for `detect`; may run while another thread detects.

        Args:
            frame: a Frame, or uint8 (h, w, 3) RGB.
            out: an array to fill, made by an earlier call.

        Returns:
            `out`, or a new array that begins on a cache line.

        Raises:
            TypeError, ValueError: the frame or `out` is none that `edgecore.preprocess` takes.
        """
        if out is None:
            out = _aligned(self._preprocessor.shape, self._preprocessor.dtype)
        self._preprocessor(frame, out=out)
        return out

    def new_state(self) -> State:
        """The state of a recurrent model that has seen no frame; {} for any other model."""
        return {taken: _at_rest(self._engine.inputs[taken]) for taken, _ in self._model.state}

    def reset_state(self) -> None:
        """Forget the frames before: a recurrent model's own state is as it was at first."""
        with self._lock:
            self._state = self.new_state()

    def _fill_inputs(self, frame: Frame, prepared: NDArray[Any] | None, state: State) -> None:
        with self._engine.input(self._model.input_index) as tensor:
            if prepared is None:
                self._preprocessor(frame, out=tensor)
            else:
                np.copyto(tensor.reshape(prepared.shape), prepared, casting="no")
        for taken, value in state.items():
            with self._engine.input(taken) as tensor:
                tensor[...] = value

    def _decode(self) -> Detections:
        with ExitStack() as views:
            indices = self._model.output_indices
            outputs = [views.enter_context(self._engine.output(index)) for index in indices]
            specs = self._engine.outputs
            quantization = [(specs[index].scale, specs[index].zero_point) for index in indices]
            try:
                return self._decoder(outputs, quantization, self._choice)
            except (TypeError, ValueError) as error:
                name = self._model.path.name
                raise EngineError(f"{name} gave an unusable output: {error}") from error

    def _keep_state(self, state: State) -> None:
        for taken, given in self._model.state:
            with self._engine.output(given) as tensor:
                np.copyto(state[taken], tensor)

    def _points_of_frame(self, points: NDArray[np.float32], frame: Frame) -> NDArray[np.float32]:
        twice = np.concatenate([points, points], axis=2).reshape(-1, 4)
        return self._preprocessor.unmap(twice, frame)[:, :2].reshape(points.shape)


def _resized(facts: Model, engine: Engine) -> Engine:
    if engine.inputs[facts.input_index].shape != facts.input_shape:
        engine.resize(facts.input_index, facts.input_shape)
    return engine


def _preprocessor(facts: Model, spec: TensorSpec) -> Preprocessor:
    if spec.dtype != facts.dtype or spec.shape != facts.input_shape:
        raise EngineError(
            f"{facts.path.name}: expected input {facts.dtype} {facts.input_shape}, "
            f"the engine has {spec.dtype} {spec.shape}"
        )
    options: dict[str, Any] = {
        "fit": facts.fit,
        "anchor": facts.anchor,
        "dtype": facts.dtype,
        "mean": facts.mean if len(facts.mean) > 1 else facts.mean[0],
        "std": facts.std if len(facts.std) > 1 else facts.std[0],
        "layout": facts.layout,
        "channels": facts.channels,
        "pad_value": facts.pad_value,
    }
    if spec.scale:
        options |= {"scale": spec.scale, "zero_point": spec.zero_point}
    try:
        return Preprocessor(facts.input_size, **options)
    except ValueError as error:
        raise ModelError(f"{facts.path.name}: its input cannot be made: {error}") from error


def _class_ids(
    name: str, category: Sequence[str | int] | None, labels: tuple[str, ...]
) -> list[int] | None:
    if category is None:
        return None
    if isinstance(category, str):
        raise TypeError(f"{name}: expected a sequence of labels or class ids, got {category!r}")
    unknown = [one for one in category if isinstance(one, str) and one not in labels]
    if unknown:
        raise ValueError(f"{name}: expected labels of the model, got {unknown[0]!r}")
    return [labels.index(one) if isinstance(one, str) else one for one in category]


def _at_rest(spec: TensorSpec) -> NDArray[Any]:
    """A state tensor of real zeros."""
    return np.full(spec.shape, spec.zero_point if spec.scale else 0, spec.dtype)


def _aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)
