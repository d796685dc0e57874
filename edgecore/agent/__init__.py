"""The camera agent: source, detector, forward-collision rule, alert to the firmware."""

from .agent import Agent
from .collision import CollisionRule, CollisionSettings
from .config import AgentConfig, load_config
from .events import EventLog

__all__ = [
    "Agent",
    "AgentConfig",
    "CollisionRule",
    "CollisionSettings",
    "EventLog",
    "load_config",
]
