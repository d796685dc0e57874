"""The camera agent: source, detector, tracker, rules, alerts to the firmware."""

from .agent import Agent
from .config import AgentConfig, load_config
from .events import EventLog

__all__ = [
    "Agent",
    "AgentConfig",
    "EventLog",
    "load_config",
]
