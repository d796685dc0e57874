SCENARIO_PERIOD_US: int

def scenario_at(
    t_us: int,
) -> tuple[float, float, float, float, float, float, float, bool]: ...
