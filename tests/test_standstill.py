"""The tool that makes tests stand still."""

import contextlib
import subprocess
import sys
import time

import pytest

from tests import standstill

pytestmark = pytest.mark.once


@pytest.fixture
def group():
    root = standstill.mounted()
    if root is None:
        pytest.skip("needs to be root, where cgroup2 is mounted")
    group = standstill.Group(root)
    yield group
    group.close()


@pytest.fixture
def busy(group):
    """Starts a process that computes without end; its number."""
    with contextlib.ExitStack() as stack:

        def start():
            child = stack.enter_context(group.start([sys.executable, "-c", "while True: pass"]))
            stack.callback(child.kill)
            until_it_runs(child.pid)
            return child.pid

        yield start


def cpu_time(pid):
    """Of a process, in the clock's ticks."""
    with open(f"/proc/{pid}/stat") as file:
        return sum(map(int, file.read().rpartition(")")[2].split()[11:13]))


def until_it_runs(pid):
    spent = cpu_time(pid)
    while cpu_time(pid) < spent + 3:
        time.sleep(0.01)


def until_it_stands(pid):
    spent = None
    while spent != cpu_time(pid):
        spent = cpu_time(pid)
        time.sleep(0.1)


def test_all_stand_still_and_go_on(group, busy):
    both = [busy(), busy()]
    assert sorted(group.processes) == sorted(both)
    with group.still():
        for pid in both:
            until_it_stands(pid)
    for pid in both:
        until_it_runs(pid)


def test_one_stands_still_while_the_other_runs(group, busy):
    one, other = busy(), busy()
    with group.still(one):
        until_it_stands(one)
        until_it_runs(other)
    until_it_runs(one)
    assert sorted(group.processes) == sorted((one, other))


def test_one_that_ended_meanwhile_is_no_error(group):
    with group.start(["true"]) as child:
        child.wait()
    with group.still(child.pid):
        pass


@pytest.mark.usefixtures("group")
def test_the_command_ends_as_it_would_and_what_it_left_is_named_and_ended():
    leaves = "sleep 1234 & echo said; exit 7"
    done = subprocess.run(
        [sys.executable, "-m", "tests.standstill", "sh", "-c", leaves],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 7
    assert done.stdout.startswith("said\n0 standstills of all, seed 1\nleft behind:\n    ")
    assert done.stdout.rstrip().endswith("sleep 1234")
