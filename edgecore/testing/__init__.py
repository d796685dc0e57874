"""The pytest plugin for rigs: a device under test, its link and line, a camera, the agent.

Installed, pytest finds it by itself (`pip install edgecore[hil]`); docs/hil.md shows its use. It is
loaded in every run of pytest there is, so it imports nothing before a fixture asks for it.
"""

from edgecore.testing.errors import RigError
from edgecore.testing.fixtures import (
    edge_agent,
    edge_camera,
    edge_clock,
    edge_dut,
    edge_faults,
    edge_latency,
    edge_link,
    edge_soak_s,
)
from edgecore.testing.markers import (
    pytest_configure,
    pytest_itemcollected,
    pytest_runtest_setup,
)
from edgecore.testing.options import (
    pytest_addoption,
    pytest_configure_node,
    pytest_report_header,
)
from edgecore.testing.reporting import pytest_runtest_makereport
from edgecore.testing.session import pytest_terminal_summary, pytest_unconfigure

__all__ = [
    "RigError",
    "edge_agent",
    "edge_camera",
    "edge_clock",
    "edge_dut",
    "edge_faults",
    "edge_latency",
    "edge_link",
    "edge_soak_s",
    "pytest_addoption",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_itemcollected",
    "pytest_report_header",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_terminal_summary",
    "pytest_unconfigure",
]
