"""Several sources through several engines at once: `Pipeline`, results, governor, model swaps."""

from .events import PipelineEvent
from .governor import Change, Governor, Rule, Step
from .pipeline import Pipeline
from .result import Dropped, Result, StageTimes
from .self_test import SelfTest
from .swap import Swap
from .trial import Trial

__all__ = [
    "Change",
    "Dropped",
    "Governor",
    "Pipeline",
    "PipelineEvent",
    "Result",
    "Rule",
    "SelfTest",
    "StageTimes",
    "Step",
    "Swap",
    "Trial",
]
