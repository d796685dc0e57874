"""What LiteRT needs for an NPU or GPU: libraries, a device, and the vendor's own options."""

import os
import re
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from edgecore.engines.accelerator import (
    DEVICE_ABSENT,
    IN_USE,
    LIBRARY_MISSING,
    MODEL_NOT_TAKEN,
    PERMISSION,
    UNKNOWN_OPTION,
    Accelerator,
    check_library,
)
from edgecore.engines.litert_api import CPU, GPU, NPU

REST = "rest"
"""Option of every NPU and GPU: rest=cpu lets operators that it does not take run on the CPU."""

_GPU_LIBRARIES = ("libLiteRtGpuAccelerator.so", "libLiteRtWebGpuAccelerator.so")
_MAX_PARTITIONS = 64
_OPENVINO_BACKENDS = {"cpu": 0, "gpu": 1, "npu": 2}
_OPENVINO_NODES = {1: "/dev/dri/renderD*", 2: "/dev/accel/accel*"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where LiteRT is to run a model.

    Attributes:
        hardware: bits of LiteRtHwAccelerators.
        plugins, dispatch: folders of a vendor's compiler and dispatch library, None for a GPU.
        options: pairs of identifier and TOML, as LiteRT passes them to the vendor's libraries.
    """

    hardware: int
    plugins: Path | None = None
    dispatch: Path | None = None
    options: tuple[tuple[str, str], ...] = ()

    @property
    def rest(self) -> bool:
        """Whether operators that the accelerator does not take may run on the CPU."""
        return bool(self.hardware & CPU)


def target(wanted: Accelerator, package: Path, num_threads: int) -> Target:
    """Where to run for `wanted`, with everything it needs looked for first.

    Args:
        wanted: of kind "npu" or "gpu".
        package: the folder of ai_edge_litert.
        num_threads: of the CPU, for the operators that are left over.

    Raises:
        AcceleratorError: unknown option, library missing, ABI, device absent or permission.
    """
    rest = _choice(wanted, REST, {"cpu": CPU}, 0)
    threads = (("xnnpack", f"num_threads = {num_threads}\n"),) if rest else ()
    if wanted.kind == "gpu":
        wanted.refuse_options((REST,))
        _check_gpu(wanted, package)
        return Target(GPU | rest, options=threads)
    vendors = _vendors(package)
    if not vendors:  # as in the wheels for ARM
        raise wanted.refuse(LIBRARY_MISSING, "this ai-edge-litert has no vendor's dispatch library")
    name = wanted.name or vendors[0]
    plugins, dispatch = (package / "vendors" / name / part for part in ("compiler", "dispatch"))
    found = sorted(dispatch.glob("libLiteRtDispatch_*.so")) + sorted(
        plugins.glob("libLiteRtCompilerPlugin_*.so")
    )
    if len(found) < 2:
        raise wanted.refuse(
            LIBRARY_MISSING,
            f"expected one of {', '.join(vendors)} in this ai-edge-litert, got {name!r}",
        )
    intel = name == "intel_openvino"
    wanted.refuse_options((REST, "device") if intel else (REST,))
    backend = _choice(wanted, "device", _OPENVINO_BACKENDS, _OPENVINO_BACKENDS["npu"])
    for library in found:
        check_library(wanted, str(library))
    options = (_openvino(wanted, backend),) if intel else ()
    return Target(NPU | rest, plugins, dispatch, (*options, *threads))


def _choice(wanted: Accelerator, option: str, known: dict[str, int], default: int) -> int:
    value = wanted.options.get(option)
    if value is not None and value not in known:
        detail = f"expected {option} of {', '.join(known)}; got {value!r}"
        raise wanted.refuse(UNKNOWN_OPTION, detail)
    return default if value is None else known[value]


def _vendors(package: Path) -> list[str]:
    return sorted(path.parent.parent.name for path in package.glob("vendors/*/dispatch/*.so"))


def _check_devices(wanted: Accelerator, pattern: str, group: str) -> None:
    devices = sorted(glob(pattern))
    if not devices:
        raise wanted.refuse(DEVICE_ABSENT, f"there is no {pattern}")
    if not any(os.access(device, os.R_OK | os.W_OK) for device in devices):
        raise wanted.refuse(PERMISSION, f"{devices[0]} may not be opened: join the group `{group}`")


def _check_gpu(wanted: Accelerator, package: Path) -> None:
    libraries = [package / name for name in _GPU_LIBRARIES if (package / name).exists()]
    if not libraries:
        raise wanted.refuse(LIBRARY_MISSING, f"this ai-edge-litert has no {_GPU_LIBRARIES[0]}")
    check_library(wanted, str(libraries[0]))
    if "WebGpu" in libraries[0].name:
        check_library(wanted, "libvulkan.so.1")


def _openvino(wanted: Accelerator, backend: int) -> tuple[str, str]:
    """Options of Intel's plug-in, whose OpenVINO also runs on a CPU, for every partition."""
    if backend in _OPENVINO_NODES:
        _check_devices(wanted, _OPENVINO_NODES[backend], "render")
    lines = [f"graph.{graph}.graph_backend = {backend}" for graph in range(_MAX_PARTITIONS)]
    return "intel_openvino", "\n".join(lines) + "\n"


def remedy(wanted: Accelerator, reason: str, detail: str) -> str:
    """What to do about it; "" where nothing is known to help."""
    openvino = re.search(r"libopenvino\w*\.so\.(\d\d)(\d)(\d)\b", detail)
    if openvino:
        year, release, patch = openvino.groups()
        return f"pip install openvino==20{year}.{release}.{patch}"
    if "libvulkan" in detail:
        return "install the Vulkan loader (libvulkan1)"
    if "engine litert" in detail:
        return "pip install 'edgecore[litert]'"
    return _REMEDIES.get(wanted.text.partition(":")[0].partition("?")[0], {}).get(reason, "")


_REMEDIES = {
    "edgetpu": {
        LIBRARY_MISSING: "install Coral's package libedgetpu1-std",
        DEVICE_ABSENT: "plug it in, or load its kernel driver (gasket-dkms)",
        IN_USE: "end the other process: an Edge TPU serves one",
        MODEL_NOT_TAKEN: "compile the model with edgetpu_compiler",
    },
    "npu": {
        DEVICE_ABSENT: "load the NPU's kernel driver (for Intel's: intel_vpu)",
        MODEL_NOT_TAKEN: "try npu?rest=cpu",
    },
    "gpu": {
        DEVICE_ABSENT: "install the GPU's Vulkan driver; vulkaninfo --summary shows what is there",
        MODEL_NOT_TAKEN: "try gpu?rest=cpu",
    },
}
