"""Native parts of edgecore and firmware_bridge; everything else is in pyproject.toml.

Environment switches, for developers and CI:
    EDGECORE_DEBUG=1      -O0 -g
    EDGECORE_SANITIZE=1   AddressSanitizer and UndefinedBehaviorSanitizer
    EDGECORE_WERROR=1     warnings are errors
"""

import os
from glob import glob
from pathlib import Path

from Cython.Build import cythonize
from pybind11.setup_helpers import Pybind11Extension
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py


def switched(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def flags(*own: str, optimization: str = "-O2") -> list[str]:
    """Each target gets a list of its own: pybind11 edits the one it is given."""
    # Python's own flags ask for -g: a third of the compiler's time, and most of what is installed.
    chosen = ["-O0", "-g"] if switched("EDGECORE_DEBUG") else [optimization, "-g0"]
    if switched("EDGECORE_SANITIZE"):
        # GCC takes minutes over the kernels with more.
        chosen += ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-O0", "-g1"]
    if switched("EDGECORE_WERROR"):
        chosen += ["-Werror"]
    return ["-Wall", "-Wextra", "-ffp-contract=off", *own, *chosen]


def link_flags() -> list[str]:
    """A build id says which program log lines are of."""
    sanitizers = ["-fsanitize=address,undefined"] if switched("EDGECORE_SANITIZE") else []
    return ["-Wl,--build-id=sha1", *sanitizers]


def files(*patterns: str) -> list[str]:
    return sorted(path for pattern in patterns for path in glob(pattern, recursive=True))


LINK_HEADERS = files("csrc/link/*.h", "csrc/link/*.inc")
# Hosts have a quicker CRC-32C than a microcontroller.
QUICK_CRC = "csrc/host/crc32c.c"
HOST_LINK = {*files("csrc/link/*.c"), QUICK_CRC} - {"csrc/link/crc32c.c"}
HOST = {*files("csrc/host/*.c")} - {QUICK_CRC}
HOST_HEADERS = files("csrc/host/*.h")
FIRMWARE_HEADERS = files("csrc/firmware/**/*.h", "csrc/firmware/**/*.inc")
FRAMES_HEADERS = files("csrc/frames/*.h")


def c_library(
    sources: list[str], depends: list[str], *own: str, standard: str = "c99"
) -> dict[str, object]:
    return {
        "sources": sources,
        "obj_deps": {"": depends},
        "include_dirs": ["csrc"],
        "cflags": flags(f"-std={standard}", "-fvisibility=hidden", *own),
    }


def cython_extension(name: str, libraries: list[str], headers: list[str]) -> Extension:
    package, _, module = name.partition(".")
    return Extension(
        name,
        [f"{package}/{module}.pyx"],
        include_dirs=["csrc"],
        libraries=libraries,
        depends=[*headers, *files(f"{package}/*.p[xy][dxi]")],
        # Cython's own output is not ours to keep free of these two warnings.
        extra_compile_args=flags("-Wno-unused-function", "-Wno-unused-parameter"),
        extra_link_args=["-pthread", *link_flags()],
    )


def bridge_extension(name: str, *libraries: str) -> Extension:
    headers = [*LINK_HEADERS, *HOST_HEADERS, *FIRMWARE_HEADERS]
    return cython_extension(f"firmware_bridge.{name}", list(libraries), headers)


class BuildPy(build_py):
    """Ships the C that firmware is made of: `qemu:` builds its images from it on first use."""

    shipped = files("csrc/link/*", "csrc/firmware/**/*.*")

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for path in self.shipped:
                target = Path(self.build_lib, "firmware_bridge", path)
                self.mkpath(str(target.parent))
                self.copy_file(path, str(target))

    def get_source_files(self) -> list[str]:
        return [*super().get_source_files(), *self.shipped]


class BuildExt(build_ext):
    """The C libraries first, so that `setup.py build_ext --inplace` alone is a whole rebuild."""

    def run(self) -> None:
        self.run_command("build_clib")
        folder = self.get_finalized_command("build_clib").build_clib
        for extension in self.extensions:  # setuptools itself relinks for a new source only
            extension.depends += files(*(f"{folder}/lib{name}.a" for name in extension.libraries))
        super().run()


setup(
    cmdclass={"build_ext": BuildExt, "build_py": BuildPy},
    libraries=[
        (
            "ec_firmware",
            c_library(
                files(
                    "csrc/firmware/core/*.c",
                    "csrc/firmware/port/host/*.c",
                    "csrc/firmware/port/vehicle/*.c",
                ),
                LINK_HEADERS + FIRMWARE_HEADERS,
            ),
        ),
        (
            "ec_host",
            c_library(sorted(HOST), LINK_HEADERS + HOST_HEADERS, "-D_GNU_SOURCE", "-pthread"),
        ),
        ("ec_link", c_library(sorted(HOST_LINK), LINK_HEADERS)),
        (
            "ec_frames",
            c_library(files("csrc/frames/*.c"), FRAMES_HEADERS, "-D_GNU_SOURCE", standard="c11"),
        ),
    ],
    ext_modules=[
        Pybind11Extension(
            "edgecore._native",
            files("csrc/vision/*.cpp", "csrc/bindings/*.cpp"),
            include_dirs=["csrc"],
            depends=files("csrc/vision/**/*.h", "csrc/vision/**/*.inc", "csrc/bindings/*.[hi]*"),
            cxx_std=17,
            # The kernels' short loops over constant bounds must be unrolled to stay in registers.
            extra_compile_args=flags("-pthread", optimization="-O3"),
            extra_link_args=["-pthread", *link_flags()],
        ),
        *cythonize(
            [
                cython_extension("edgecore._ring", ["ec_frames"], FRAMES_HEADERS),
                bridge_extension("_codec", "ec_link"),
                bridge_extension("_link", "ec_link"),
                bridge_extension("_carrier", "ec_host", "ec_link"),
                bridge_extension("_bulk", "ec_link"),
                bridge_extension("_sim", "ec_firmware", "ec_link"),
                bridge_extension("_noise", "ec_firmware", "ec_link"),
            ],
            language_level=3,
        ),
    ],
)
