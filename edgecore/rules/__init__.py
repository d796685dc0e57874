"""Rules: what detections and telemetry come to, declared in TOML or written in Python."""

from edgecore.rules.collision import Assessment, CollisionRule, CollisionSettings, Danger
from edgecore.rules.driving import DrivingRule, DrivingSettings
from edgecore.rules.following import FollowingRule, FollowingSettings
from edgecore.rules.line import LineRule, LineSettings
from edgecore.rules.loading import check_classes, load_rules, read_rules, rule_tables
from edgecore.rules.moment import AlertRequest, Event, Moment
from edgecore.rules.rule_set import FunctionRule, Rule, RuleSet
from edgecore.rules.telemetry import Telemetry
from edgecore.rules.zone import DwellSettings, ZoneRule, ZoneSettings

__all__ = [
    "AlertRequest",
    "Assessment",
    "CollisionRule",
    "CollisionSettings",
    "Danger",
    "DrivingRule",
    "DrivingSettings",
    "DwellSettings",
    "Event",
    "FollowingRule",
    "FollowingSettings",
    "FunctionRule",
    "LineRule",
    "LineSettings",
    "Moment",
    "Rule",
    "RuleSet",
    "Telemetry",
    "ZoneRule",
    "ZoneSettings",
    "check_classes",
    "load_rules",
    "read_rules",
    "rule_tables",
]
