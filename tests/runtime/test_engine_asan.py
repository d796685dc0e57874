"""Tensor views under AddressSanitizer, whose libc wrappers see every copy in or out of a view."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import ctypes, sys
import numpy as np
from edgecore import engines

name, stale, *models = sys.argv[1:]
rng = np.random.default_rng(3)
for model in models:
    engine = engines.load(model, name)
    open_size = "raw_heads" in model
    for side in (96, 320, 128) if open_size else (0,):
        if side:
            engine.resize(0, (1, side, side, 3))
        for _ in range(2):
            for index, spec in enumerate(engine.inputs):
                values = rng.integers(0, 100, spec.shape).astype(spec.dtype)
                with engine.input(index) as array:
                    address = array.__array_interface__["data"][0]
                    np.copyto(array, values)
            engine.invoke()
            for index in range(len(engine.outputs)):
                with engine.output(index) as array:
                    array.copy()
    if stale == "stale":
        engine.resize(0, (1, 640, 640, 3))
        engine.invoke()
        ctypes.memset(address, 0, 64)
print("survived")
"""


@pytest.fixture(scope="session")
def asan() -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler on the path, and with it no AddressSanitizer")
    answer = subprocess.run(
        [compiler, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    )
    library = answer.stdout.strip()
    if not os.path.isabs(library):
        pytest.skip(f"{compiler} comes without libasan.so")
    return library


def run(library: str, engine_name: str, stale: str, models: list[Path]):
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, engine_name, stale, *map(str, models)],
        capture_output=True,
        text=True,
        cwd=root,
        env={
            **os.environ,
            "LD_PRELOAD": library,
            "ASAN_OPTIONS": "detect_leaks=0",
            "PYTHONMALLOC": "malloc",
        },
        check=False,
    )


def test_views_touch_only_living_memory_of_every_model(asan, test_data, engine_name):
    names = [
        "ssd_mobilenet_v2_raw_heads",
        "fomo_balloon",
        "coco_ssd_mobilenet_v1_quant_metadata",
        "face_detection_short_range",
        "traffic_model",
        "yolov8n_full_integer_quant",
        "yolov8n_int8",
        "yolov5n-int8",
        "yolox_nano",
    ]
    models = [test_data / "models" / f"{name}.tflite" for name in names]
    result = run(asan, engine_name, "", models)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "survived"


def test_an_address_kept_over_a_resize_is_what_the_sanitizer_catches(asan, test_data, engine_name):
    """The control: the same script with one address kept too long is reported."""
    model = test_data / "models" / "ssd_mobilenet_v2_raw_heads.tflite"
    result = run(asan, engine_name, "stale", [model])
    assert result.returncode != 0
    assert "heap-use-after-free" in result.stderr
