"""Binding of csrc/firmware (the host simulation). Private; see firmware_bridge."""

from libc.stdint cimport uint8_t, uint64_t


cdef extern from "firmware/core/scenario.h":
    enum: EC_SCENARIO_PERIOD_US
    ctypedef struct ec_scene:
        double ego_distance_m
        float ego_speed_mps
        float ego_acceleration_mps2
        float ego_yaw_rate_rps
        float lead_gap_m
        float lead_speed_mps
        float lead_acceleration_mps2
        uint8_t lead_braking
    void ec_scenario_at(uint64_t t_us, ec_scene *scene) nogil


SCENARIO_PERIOD_US = EC_SCENARIO_PERIOD_US


def scenario_at(uint64_t t_us):
    """The fields of ec_scene at that time, in firmware_bridge.scenario.Scene's order."""
    cdef ec_scene scene
    ec_scenario_at(t_us, &scene)
    return (
        scene.ego_speed_mps,
        scene.ego_acceleration_mps2,
        scene.ego_yaw_rate_rps,
        scene.ego_distance_m,
        scene.lead_gap_m,
        scene.lead_speed_mps,
        scene.lead_acceleration_mps2,
        bool(scene.lead_braking),
    )
