"""Several sources through several engines at once: `Pipeline`, its results, and its governor."""

from .events import PipelineEvent
from .governor import Change, Governor, Rule, Step
from .pipeline import Pipeline
from .result import Dropped, Result, StageTimes

__all__ = [
    "Change",
    "Dropped",
    "Governor",
    "Pipeline",
    "PipelineEvent",
    "Result",
    "Rule",
    "StageTimes",
    "Step",
]
