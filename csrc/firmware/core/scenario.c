#include "firmware/core/scenario.h"

/* One push or brake: acceleration rises to `peak` within `ramp_s`, stays, and falls again.
 *
 *     peak      _________
 *              /         \
 *     0  _____/           \_____
 *         start           start + length
 *
 * It changes the speed by peak * (length - ramp), and, once over, the distance as if all of that
 * had happened at its middle. Both cars' pulses change the speed alike and the ego car's middles
 * lie 1.7 s behind the lead's, so gap and speeds close over the period exactly. */
typedef struct {
    double start_s, length_s, ramp_s, peak_mps2;
} pulse;

typedef struct {
    double acceleration, speed, distance;
} motion;

#define CRUISE_MPS 20.0
#define CRUISE_GAP_M 35.0
#define PERIOD_S (EC_SCENARIO_PERIOD_US * 1e-6)
#define CURVATURE_PER_M 0.0008
#define BRAKE_LIGHT_MPS2 (-0.5)

static const pulse lead_brake = {6.0, 2.25, 0.25, -7.5};
static const pulse lead_push = {11.0, 5.5, 0.5, 3.0};
static const pulse ego_brake = {7.2, 3.25, 0.25, -5.0};
static const pulse ego_push = {12.7, 5.5, 0.5, 3.0};

/* Adds `jerk` acting from `start_s` on. */
static void add_jerk(motion* m, double jerk, double start_s, double t_s) {
    double x = t_s - start_s;
    if (x > 0.0) {
        m->acceleration += jerk * x;
        m->speed += jerk * x * x / 2.0;
        m->distance += jerk * x * x * x / 6.0;
    }
}

static void add_pulse(motion* m, const pulse* p, double t_s) {
    double end_s = p->start_s + p->length_s;
    double jerk = p->peak_mps2 / p->ramp_s;
    if (t_s >= end_s) { /* exact, where the sum of ramps only nearly cancels */
        double change = p->peak_mps2 * (p->length_s - p->ramp_s);
        m->speed += change;
        m->distance += change * (t_s - (p->start_s + end_s) / 2.0);
        return;
    }
    add_jerk(m, jerk, p->start_s, t_s);
    add_jerk(m, -jerk, p->start_s + p->ramp_s, t_s);
    add_jerk(m, -jerk, end_s - p->ramp_s, t_s);
}

static motion drive(const pulse* brake, const pulse* push, double t_s) {
    motion m = {0.0, CRUISE_MPS, CRUISE_MPS * t_s};
    add_pulse(&m, brake, t_s);
    add_pulse(&m, push, t_s);
    return m;
}

/* A wave of period 1 in [-1, 1] from two parabolas: smooth, and needs no libm. */
static double wave(double turns) {
    double half = turns < 0.5 ? turns : turns - 0.5;
    double lobe = 16.0 * half * (0.5 - half);
    return turns < 0.5 ? lobe : -lobe;
}

void ec_scenario_at(uint64_t t_us, ec_scene* scene) {
    double t_s = (double)(t_us % EC_SCENARIO_PERIOD_US) * 1e-6;
    double laps = (double)(t_us / EC_SCENARIO_PERIOD_US);
    motion ego = drive(&ego_brake, &ego_push, t_s);
    motion lead = drive(&lead_brake, &lead_push, t_s);
    motion lap = drive(&ego_brake, &ego_push, PERIOD_S);

    scene->ego_distance_m = laps * lap.distance + ego.distance;
    scene->ego_speed_mps = (float)ego.speed;
    scene->ego_acceleration_mps2 = (float)ego.acceleration;
    scene->ego_yaw_rate_rps = (float)(ego.speed * CURVATURE_PER_M * wave(t_s / PERIOD_S));
    scene->lead_gap_m = (float)(CRUISE_GAP_M + lead.distance - ego.distance);
    scene->lead_speed_mps = (float)lead.speed;
    scene->lead_acceleration_mps2 = (float)lead.acceleration;
    scene->lead_braking = lead.acceleration < BRAKE_LIGHT_MPS2;
}
