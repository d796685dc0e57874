"""The package's public names, each of which is imported when it is first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import firmware_bridge as fb


def test_every_name_is_found_where_the_package_says() -> None:
    assert sorted(fb._HOMES) == fb.__all__
    for name in fb.__all__:
        found = getattr(fb, name)
        home = getattr(found, "__module__", None)  # a module has none
        assert (home or found.__name__).startswith(fb._HOMES[name])
    assert set(fb.__all__) <= set(dir(fb))


def test_other_names_are_missing() -> None:
    with pytest.raises(AttributeError, match="'firmware_bridge' has no attribute 'Modem'"):
        fb.Modem  # noqa: B018


def test_names_do_not_depend_on_what_was_imported_before() -> None:
    """A module that is imported becomes an attribute of its package, and may hide a name."""
    names = ", ".join(fb.__all__)
    script = "import firmware_bridge.link, firmware_bridge.clock\n"
    script += f"from firmware_bridge import {names}\n"
    script += "print(isinstance(Clock, type), callable(connect), isinstance(Link, type))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "True True True\n", done.stderr
