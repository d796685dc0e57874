"""The agent's configuration: what is read, and how a mistake in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecore.agent.config import AgentConfig, FlightSettings, load_config
from edgecore.errors import ConfigError
from edgecore.pipeline import Rule, Step


def written(folder: Path, text: str) -> Path:
    path = folder / "agent.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_no_file_and_no_flags_are_the_defaults() -> None:
    assert load_config(None, {}) == AgentConfig()
    assert AgentConfig().source == "synthetic:"
    assert AgentConfig().link == "sim:"
    assert AgentConfig().model is None


def test_file_is_read_and_flags_win(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        source = "clip.mp4"
        link = "serial:///dev/ttyACM0?baud=921600"
        duration_s = 5
        [detector]
        engine = "tflite"
        score_threshold = 0.4
        [collision]
        ttc_s = 2
        vehicles = ["car"]
        [alert]
        level = 3
        [governor]
        period_s = 2
        [[governor.rule]]
        reading = "temperature_c"
        above = 80
        below = 70
        [[governor.step]]
        max_fps = 10
        [[governor.step]]
        max_fps = 5
        model = "small.tflite"
        """,
    )
    config = load_config(path, {"source": "other.mp4", "detector.engine": "litert", "model": None})
    assert config.source == "other.mp4"
    assert config.detector.engine == "litert"
    assert config.detector.score_threshold == 0.4
    assert config.collision.ttc_s == 2.0
    assert config.collision.vehicles == ("car",)
    assert config.alert.level == 3
    assert config.duration_s == 5.0
    governor = config.governor.make()
    assert governor is not None
    assert governor.rules == (Rule("temperature_c", above=80, below=70),)
    assert governor.steps == (Step(max_fps=10), Step(max_fps=5, model="small.tflite"))
    assert governor.period_s == 2.0
    assert load_config(None, {}).governor.make() is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sorce = 'a'", r"sorce: unknown key; did you mean source\?"),
        ("[colision]\nttc_s = 2", r"colision: unknown key; did you mean collision\?"),
        ("[collision]\nttc = 2", r"collision\.ttc: unknown key; did you mean collision\.ttc_s\?"),
        ("[[governor.rule]]\nreading = 'x'\nabove = 2", r"governor\.rule\[0\]\.below: missing"),
        (
            "[[governor.rule]]\nreading = 'x'\nabove = 1\nbelow = 2",
            r"governor\.rule\[0\]: rule on x: expected below < above, got 2 and 1",
        ),
        ("[governor]\nstep = [3]", r"governor\.step: expected a list of tables, got \[3\]"),
        (
            "[[governor.step]]\nmax_fp = 3",
            r"governor\.step\[0\]\.max_fp: unknown key; did you mean",
        ),
        ("zzz = 1", r"zzz: unknown key; known here: source, model"),
        ("duration_s = 'long'", r"duration_s: expected a number, got 'long'"),
        ("duration_s = -1", r"duration_s: expected a number from 0 to 1e\+07, got -1"),
        ("source = 3", r"source: expected a text, got 3"),
        ("detector = 3", r"detector: expected a table, got 3"),
        ("[detector]\nengine = 'lite'", r"engine: expected one of auto, litert, tflite, got 'li"),
        (
            "[detector]\nnum_threads = 1.5",
            r"num_threads: expected a whole number or auto, got 1\.5",
        ),
        ("[detector]\nnum_threads = true", r"num_threads: expected a whole number or auto, got T"),
        ("[detector]\nnum_threads = 'all'", r"num_threads: expected a whole number or auto, got '"),
        ("[detector]\nnum_threads = 65", r"num_threads: expected a number from 1 to 64, got 65"),
        ("[detector]\nfallback = 'cpu'", r"detector\.fallback: expected a list of texts"),
        ("[detector]\nscore_threshold = nan", r"score_threshold: expected a number from 0 to 1"),
        ("[collision]\nrearm_ttc_s = 1", r"collision\.rearm_ttc_s: expected at least"),
        ("source = ", r"agent\.toml: not valid TOML"),
    ],
)
def test_mistake_is_named_with_its_key_and_both_values(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(written(tmp_path, text), {})
    assert "agent.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_threads_may_be_left_to_measuring(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text("[detector]\nnum_threads = 'auto'")
    assert load_config(path, {}).detector.num_threads == "auto"


@pytest.mark.parametrize("lossless_per_s", [0.0, 2.0])
def test_parts_of_a_flight_share_its_memory(lossless_per_s: float) -> None:
    settings = FlightSettings(memory_mib=16, lossless_per_s=lossless_per_s)
    parts = (settings.link_bytes, settings.lossless_bytes, settings.log_bytes)
    assert sum(parts) == 16 << 20
    assert parts[0] == 2 << 20
    assert parts[1] == (8 << 20 if lossless_per_s else 0)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml: no such configuration file"):
        load_config(tmp_path / "gone.toml", {})


def test_flag_out_of_range_is_named() -> None:
    with pytest.raises(ConfigError, match=r"detector\.score_threshold: expected .* got 2"):
        load_config(None, {"detector.score_threshold": 2.0})


def test_governor_that_makes_no_sense_together_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "[[governor.step]]\nmax_fps = 3")
    with pytest.raises(ConfigError, match="governor: expected rules and steps, got 0 and 1"):
        load_config(path, {}).governor.make()
