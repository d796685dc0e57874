"""Engines are found lazily, and every refusal says which thing was missing."""

import subprocess
import sys

import numpy as np
import pytest

from edgecore import engines
from edgecore.errors import EngineError, ModelError
from edgecore.model import embedded
from tests.runtime.model_files import ADD, File, Operator, Tensor, build


def test_importing_edgecore_imports_no_engine_and_no_picture_or_terminal_library():
    heavy = "ai_edge_litert tflite_runtime tflite flatbuffers av rich PIL click serial"
    script = (
        "import sys, edgecore, edgecore.engines\n"
        f"print([name for name in {heavy.split()!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr


def test_an_engines_import_leaves_arithmetic_as_it_was(engine_name):
    script = (
        "import numpy as np, edgecore.engines\n"
        f"edgecore.engines.choose({engine_name!r})\n"
        "print(np.all(np.full(9, 1e-40, np.float32) * np.float32(1) > 0))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "True", found.stderr


def test_unknown_engine_is_a_value_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match=r"auto, litert, tflite; got 'onnx'"):
        engines.choose("onnx")


def test_auto_prefers_litert_where_it_is_installed(engine_name):
    installed = [name for name, reason in engines.available().items() if reason is None]
    assert engines.choose("auto") == installed[0]
    assert engines.choose(engine_name) == engine_name


def test_an_engine_that_is_not_installed_is_named_with_its_package(missing_engine):
    said = rf"not installed: pip install 'edgecore\[{missing_engine}\]'|cannot be imported"
    with pytest.raises(EngineError, match=said):
        engines.choose(missing_engine)


def test_ctrl_c_while_an_engine_is_imported_is_no_missing_engine(tmp_path, monkeypatch):
    """A native module that is interrupted while it sets itself up raises as pybind11's do."""
    (tmp_path / "interrupted_engine.py").write_text(
        "try:\n    raise KeyboardInterrupt\n"
        "except KeyboardInterrupt as interrupt:\n"
        "    raise ImportError('initialization failed') from interrupt\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(engines._MODULES, "litert", "interrupted_engine")
    for call in (engines.available, lambda: engines.choose("litert")):
        with pytest.raises(KeyboardInterrupt) as caught:
            call()
        assert caught.value.__suppress_context__


def test_an_engine_that_cannot_be_imported_says_why(tmp_path, monkeypatch):
    (tmp_path / "broken_engine.py").write_text("raise ImportError('libfoo.so: not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(engines._MODULES, "tflite", "broken_engine")
    with pytest.raises(EngineError, match=r"tflite-runtime is installed but .*: libfoo\.so"):
        engines.choose("tflite")


def test_missing_file_and_directory_are_model_errors(engine_name, tmp_path):
    with pytest.raises(ModelError, match="no such model file"):
        engines.load(tmp_path / "none.tflite", engine_name)
    with pytest.raises(ModelError, match="directory"):
        engines.load(tmp_path, engine_name)


def test_zero_threads_is_a_value_error(engine_name, tmp_path):
    with pytest.raises(ValueError, match="num_threads must be at least 1, got 0"):
        engines.load(tmp_path / "none.tflite", engine_name, num_threads=0)


@pytest.mark.parametrize("name", ["person_detect", "custom_op_error"])
def test_model_that_cannot_run_is_refused_with_the_engines_reason(test_data, engine_name, name):
    with pytest.raises(ModelError, match=r"quantized_dimension|custom op"):
        engines.load(test_data / "models" / f"{name}.tflite", engine_name)


def test_model_loads_from_its_bytes(test_data, engine_name):
    model = (test_data / "models" / "fomo_balloon.tflite").read_bytes()
    engine = engines.load(model, engine_name)
    assert engine.inputs[0].shape == (1, 96, 96, 3)
    assert engine.inputs[0].dtype == "int8"
    assert engine.inputs[0].zero_point == -128
    assert engine.inputs[0].scale == pytest.approx(1 / 255)


def test_resizing_what_the_model_fixes_is_refused_before_the_engine_sees_it(test_data, engine_name):
    engine = engines.load(test_data / "models" / "face_detection_short_range.tflite", engine_name)
    with pytest.raises(ValueError, match=r"where -1 is free, got \(1, 128, 128, 1\)"):
        engine.resize(0, (1, 128, 128, 1))
    with pytest.raises(ValueError, match="4 positive dimensions"):
        engine.resize(0, (128, 128, 3))
    assert engine.inputs[0].shape == (1, 128, 128, 3)
    engine.invoke()


def test_refused_resize_leaves_the_model_as_freshly_loaded(engine_name):
    """Two inputs are added, so that only a shape that broadcasts to the other's is possible."""
    shape = (1, 4, 4, 3)
    tensors = [
        Tensor(shape, name="x", signature=(1, -1, -1, 3)),
        Tensor(shape, name="y"),
        Tensor(shape, name="z"),
    ]
    add = Operator((0, 1), (2,), ADD)
    engine = engines.load(build(File(tensors, (0, 1), (2,), [add])), engine_name)
    with pytest.raises(EngineError, match=r"cannot be resized to \(1, 5, 5, 3\)"):
        engine.resize(0, (1, 5, 5, 3))
    assert engine.inputs[0].shape == shape
    engine.resize(0, (1, 1, 1, 3))
    for index, value in enumerate((1, 2)):
        with engine.input(index) as array:
            array[...] = value
    engine.invoke()
    with engine.output(0) as array:
        np.testing.assert_array_equal(array, np.full(shape, 3, np.float32))


def test_model_whose_name_no_engine_can_be_told_is_refused(tmp_path, engine_name):
    named = tmp_path / "road\udcff.tflite"
    named.write_bytes(embedded().read_bytes())
    with pytest.raises(ModelError, match=r"road\\udcff.tflite': expected a file name in UTF-8"):
        engines.load(named, engine_name)
