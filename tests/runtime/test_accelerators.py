"""An accelerator that cannot be had says why, nothing it does ends the caller, and no other is
used without leave."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgecore
from edgecore import engines, model
from edgecore.engines import accelerator as accelerators
from edgecore.engines import edgetpu, litert_api, vendors
from edgecore.errors import AcceleratorError, EngineError
from tests.link.compiling import library
from tests.runtime.model_files import File, Operator, Tensor, build, relu
from tests.runtime.test_cli import edgecore as command


@pytest.fixture(scope="session")
def delegate_library(tmp_path_factory) -> Path:
    """external_delegate.c as a library: it marks what it computes by adding 1000."""
    source = Path(__file__).parent / "external_delegate.c"
    return library(tmp_path_factory.mktemp("delegate") / "delegate.so", source, "-std=gnu11")


@pytest.fixture
def relu_file(tmp_path) -> Path:
    path = tmp_path / "relu.tflite"
    path.write_bytes(relu())
    return path


@pytest.fixture
def detector_file(tmp_path) -> Path:
    """A FOMO grid of 8x8 cells whose only operator is a RELU."""
    picture, grid = Tensor((1, 8, 8, 3), name="picture"), Tensor((1, 8, 8, 3), name="grid")
    path = tmp_path / "grid.tflite"
    path.write_bytes(build(File([picture, grid], (0,), (1,), [Operator((0,), (1,))])))
    return path


def outcome(model_bytes: bytes, engine_name: str, accelerator: str) -> float:
    """The first output for a first input of 5."""
    engine = engines.load(model_bytes, engine_name, accelerator)
    assert engine.accelerator == accelerator
    for _ in range(2):
        with engine.input(0) as array:
            array[...] = -2
            array[0, 0, 0, 0] = 5
        engine.invoke()
    with engine.output(0) as array:
        assert array[0, 0, 0, 1] == array[0, 0, 0, 0] - 5, "relu of -2"
        return float(array[0, 0, 0, 0])


def refusal(model_bytes: bytes, engine_name: str, accelerator: str) -> AcceleratorError:
    with pytest.raises(AcceleratorError) as caught:
        engines.load(model_bytes, engine_name, accelerator)
    assert caught.value.accelerator == accelerator
    assert str(caught.value) == f"{accelerator}: {caught.value.reason}: {caught.value.detail}"
    return caught.value


def reason_against(engine_name: str, accelerator: str) -> str | None:
    """Why it cannot be had on this machine; None where it can."""
    try:
        engines.load(relu(), engine_name, accelerator)
    except AcceleratorError as error:
        return error.reason
    return None


@pytest.mark.parametrize(
    "accelerator", ["tpu", "external:", "CPU", "", "npu:", "gpu:0", "edgetpu?x=1", "cpu?rest=cpu"]
)
def test_unknown_accelerator_is_a_value_error(engine_name, accelerator):
    with pytest.raises(ValueError, match="accelerator must be one of cpu"):
        engines.load(relu(), engine_name, accelerator)
    with pytest.raises(ValueError, match="accelerator must be one of cpu"):
        engines.load(relu(), engine_name, "cpu", fallback=[accelerator])


def test_external_delegate_computes_what_it_takes(engine_name, delegate_library):
    assert outcome(relu(), engine_name, "cpu") == 5
    assert outcome(relu(), engine_name, f"external:{delegate_library}?device=present") == 1005


def test_bench_has_a_row_for_each_accelerator_that_can_be_had(
    engine_name, delegate_library, relu_file, tmp_path
):
    external = f"external:{delegate_library}?device=present"
    wanted = [f"--accelerator={name}" for name in ("cpu", external, "edgetpu")]
    bench = ["bench", "--only", "invoke", "--seconds", "0.01", "--json", "bench.json"]
    done = command(tmp_path, *bench, "--engine", engine_name, "--model", relu_file, *wanted)
    assert done.returncode == 0, done.stderr
    assert "edgecore: invoke on edgetpu is left out: edgetpu: library missing" in done.stderr
    rows = json.loads((tmp_path / "bench.json").read_text())["results"]
    variants = {row["variant"] for row in rows if row["group"] == "invoke"}
    assert {"1 thread", external} <= variants
    assert "edgetpu" not in variants


@pytest.mark.parametrize(
    ("option", "reason", "detail"),
    [
        ("device=absent", "device absent", "no such device: /dev/marking0"),
        ("device=denied", "permission", "/dev/marking0: Permission denied"),
        ("device=busy", "already in use", "Device or resource busy"),
        ("device=broken", "failed", "the firmware's checksum is wrong"),
        ("colour=red", "unknown option", "unknown option"),
        ("model=refused", "does not take this model", "delegate"),
        ("model=unknown", "does not take this model", "it takes none of its operators"),
    ],
)
def test_a_delegate_that_cannot_be_had_says_which_reason(
    engine_name, delegate_library, option, reason, detail
):
    error = refusal(relu(), engine_name, f"external:{delegate_library}?{option}")
    assert error.reason == reason
    assert detail in error.detail


def test_a_missing_library_a_foreign_file_and_no_delegate_library_are_told_apart(
    engine_name, tmp_path
):
    error = refusal(relu(), engine_name, f"external:{tmp_path}/none.so")
    assert (error.reason, error.detail) == ("library missing", f"no file {tmp_path}/none.so")
    fake = tmp_path / "fake.so"
    fake.write_bytes(b"not a library, but long enough to have held an ELF header" * 4)
    error = refusal(relu(), engine_name, f"external:{fake}")
    assert error.reason == "ABI"
    assert "invalid ELF header" in error.detail
    error = refusal(relu(), engine_name, "external:libm.so.6")
    assert error.reason == "ABI"
    assert "no delegate library: no tflite_plugin_create_delegate" in error.detail
    error = refusal(relu(), engine_name, "external:libnowhere.so.7")
    assert error.reason == "library missing"


def test_a_delegate_that_fails_in_a_run_is_an_engine_error(engine_name, delegate_library):
    engine = engines.load(relu(), engine_name, f"external:{delegate_library}?run=fails")
    with pytest.raises(EngineError, match="the device stopped answering"):
        engine.invoke()


@pytest.mark.parametrize(
    ("option", "reason", "ends"),
    [
        ("device=deadly", "crashes or hangs", r"while loading it crashes \w+ \(SIGABRT\)"),
        ("run=dies", "crashes or hangs", r"while running it crashes \w+ \(SIGSEGV\)"),
        ("run=fails", "failed", "the device stopped answering"),
        ("device=busy", "already in use", "Device or resource busy"),
    ],
)
def test_what_an_accelerator_does_in_its_trial_ends_nobody(
    engine_name, delegate_library, relu_file, option, reason, ends
):
    choice = f"external:{delegate_library}?{option}"
    with pytest.raises(AcceleratorError, match=ends) as caught:
        model.verify(relu_file, engine_name, accelerator=choice)
    assert (caught.value.accelerator, caught.value.reason) == (choice, reason)
    assert model.verify(relu_file, engine_name).largest == (0.0,)


def test_an_accelerator_that_hangs_is_given_up(engine_name, delegate_library, relu_file):
    choice = f"external:{delegate_library}?run=hangs"
    with pytest.raises(AcceleratorError, match=r"it takes \w+ over 4 s") as caught:
        model.verify(relu_file, engine_name, accelerator=choice, timeout_s=4)
    assert caught.value.reason == "crashes or hangs"


def test_an_accelerator_is_tried_anew_at_every_start(
    engine_name, delegate_library, relu_file, tmp_path, monkeypatch
):
    """A model that has passed on the CPU is remembered; a device that was there may be gone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    choice = f"external:{delegate_library}"
    assert model.verify(relu_file, engine_name, accelerator=choice).largest == (1000.0,)
    assert not (tmp_path / "cache").exists()


def test_fallback_is_used_only_when_allowed_and_is_told(
    engine_name, tmp_path, delegate_library, detector_file, caplog
):
    missing = f"external:{tmp_path}/none.so"
    deadly = f"external:{delegate_library}?device=deadly"
    head = edgecore.heads.Fomo(num_classes=2, input_size=(8, 8))
    options = {"engine": engine_name, "head": head, "accelerator": missing}
    with pytest.raises(AcceleratorError, match="library missing"):
        edgecore.Detector.from_file(detector_file, **options)
    with pytest.raises(EngineError, match=r"library missing.*; .*crashes or hangs"):
        edgecore.Detector.from_file(detector_file, **options, fallback=[deadly])
    detector = edgecore.Detector.from_file(detector_file, **options, fallback=[deadly, "cpu"])
    assert detector.info.accelerator == detector.engine.accelerator == "cpu"
    assert detector.info.engine.startswith(f"{engine_name} ")
    first, second = detector.info.refused
    assert first == f"{missing}: library missing: no file {tmp_path}/none.so"
    assert second.startswith(f"{deadly}: crashes or hangs: while loading")
    assert "running on cpu instead" in caplog.text
    assert "library missing" in caplog.text


def test_a_detector_on_a_delegate_finds_what_the_delegate_computes(
    engine_name, delegate_library, detector_file
):
    head = edgecore.heads.Fomo(num_classes=2, input_size=(8, 8))
    choice = f"external:{delegate_library}"
    detector = edgecore.Detector.from_file(
        detector_file, engine=engine_name, head=head, accelerator=choice, fallback=["cpu"]
    )
    assert detector.info.accelerator == choice
    assert detector.info.refused == ()
    assert detector.detect(np.zeros((8, 8, 3), np.uint8)).confidence.max() >= 1000


@pytest.mark.parametrize(
    ("accelerator", "expected"),
    [
        ("npu:nobody", "expected one of .*got 'nobody'"),
        ("npu:intel_openvino?rest=gpu", "expected rest of cpu; got 'gpu'"),
        ("npu:intel_openvino?device=tpu", "expected device of cpu, gpu, npu; got 'tpu'"),
        ("npu:intel_openvino?colour=red", "expected rest, device; got 'colour'"),
        ("gpu?colour=red", "expected rest; got 'colour'"),
    ],
)
def test_what_a_compiled_model_does_not_know_is_refused_with_what_it_does(
    engine_name, accelerator, expected
):
    if engine_name != "litert":
        expected = "expected the engine litert, got tflite"
    elif accelerator.startswith("npu") and not any((litert_api.package() / "vendors").glob("*")):
        expected = f"{expected}|this ai-edge-litert has no vendor's dispatch library"
    with pytest.raises(AcceleratorError, match=expected):
        engines.load(relu(), engine_name, accelerator)


def test_another_version_of_the_c_api_is_refused_as_abi(engine_name, monkeypatch):
    if engine_name != "litert":
        pytest.skip("LiteRT's C API comes with LiteRT")
    monkeypatch.setattr(litert_api.metadata, "version", lambda _: "2.1.3")
    error = refusal(relu(), engine_name, "npu")
    assert error.reason == "ABI"
    assert "at least 2.2 and below 3.0, got 2.1.3" in error.detail


USB = {"idVendor": "18d1", "idProduct": "9302", "busnum": "2", "devnum": "7"}


def stick(root: Path, driver: str) -> Path:
    device = root / "sys/bus/usb/devices/2-1"
    (device / "2-1:1.0").mkdir(parents=True)
    for name, text in USB.items():
        (device / name).write_text(text + "\n")
    (root / "sys/bus/usb/drivers" / driver).mkdir(parents=True)
    (device / "2-1:1.0/driver").symlink_to(root / "sys/bus/usb/drivers" / driver)
    node = root / "dev/bus/usb/002/007"
    node.parent.mkdir(parents=True)
    return node


def test_an_edge_tpu_is_absent_forbidden_taken_or_there(tmp_path):
    assert edgetpu.state("failed", tmp_path / "empty")[0] == "device absent"
    node = stick(tmp_path / "forbidden", "none")
    reason, text = edgetpu.state("failed", tmp_path / "forbidden")
    assert reason == "permission"
    assert str(node) in text
    assert "plugdev" in text
    stick(tmp_path / "taken", "usbfs").touch()
    assert edgetpu.state("failed", tmp_path / "taken")[0] == "already in use"
    stick(tmp_path / "free", "none").touch()
    assert edgetpu.state("failed", tmp_path / "free")[0] == "failed"


def test_an_edge_tpu_that_cannot_be_had_says_why(engine_name):
    if edgetpu.state("failed")[0] != "device absent":
        pytest.skip("this machine has an Edge TPU")
    with pytest.raises(AcceleratorError) as caught:
        engines.load(relu(), engine_name, "edgetpu")
    assert caught.value.reason in {"library missing", "ABI", "device absent", "permission"}


@pytest.mark.parametrize(
    ("said", "reason", "detail"),
    [
        ([], "failed", "LiteRtCreateCompiledModel: failure at run time"),
        (["INFO: no such device"], "failed", "LiteRtCreateCompiledModel: failure at run time"),
        (["ERROR: INTERNAL: No adapters found"], "device absent", "No adapters found"),
        (['Cannot load library "/x.so": gone'], "library missing", "/x.so"),
        (["ERROR: EBUSY"], "already in use", "EBUSY"),
        (["ERROR: out of tiles"], "failed", "failure at run time: ERROR: out of tiles"),
    ],
)
def test_what_libraries_say_on_stderr_explains_a_failure(said, reason, detail):
    wanted = accelerators.parse("gpu")
    error = wanted.refuse("failed", "LiteRtCreateCompiledModel: failure at run time")
    explained = accelerators.explained(error, said)
    assert explained.reason == reason
    assert detail in explained.detail


def test_a_remedy_names_the_version_that_fits():
    detail = "libopenvino.so.2631: cannot open shared object file: No such file or directory"
    remedy = vendors.remedy(accelerators.parse("npu"), "library missing", detail)
    assert remedy == "pip install openvino==2026.3.1"
    assert "libedgetpu" in vendors.remedy(accelerators.parse("edgetpu"), "library missing", "")
    assert vendors.remedy(accelerators.parse("external:/x.so"), "failed", "") == ""


def test_a_gpu_finds_what_the_cpu_finds_or_says_why_it_cannot_be_had(test_data, engine_name):
    path = test_data / "models" / "face_detection_short_range.tflite"
    frame = np.asarray(Image.open(test_data / "images" / "face.jpg").convert("RGB"))
    gpu = edgecore.Detector.from_file(path, engine=engine_name, accelerator="gpu", fallback=["cpu"])
    if gpu.info.accelerator == "cpu":
        reasons = "device absent|permission|crashes or hangs|library missing"
        assert re.match(f"gpu: ({reasons}): .", gpu.info.refused[0])
    cpu = edgecore.Detector.from_file(path, engine=engine_name)
    sure, found = cpu.detect(frame), gpu.detect(frame)
    assert found.confidence[0] == pytest.approx(sure.confidence[0], abs=0.03)
    np.testing.assert_allclose(found.xyxy[0], sure.xyxy[0], atol=4)
