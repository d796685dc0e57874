#ifndef EC_FIRMWARE_SCENARIO_H
#define EC_FIRMWARE_SCENARIO_H

#include <stdint.h>

/* The one road scenario. The simulated vehicle (speed, IMU) and the synthetic road's pictures are
 * both read from it, so what the camera sees and what the firmware measures agree.
 *
 * It repeats every EC_SCENARIO_PERIOD_US: both cars cruise at 20 m/s, 35 m apart; the lead brakes
 * hard to 5 m/s, the ego car reacts late and softer and closes to 9.5 m; both speed up again. */

#define EC_SCENARIO_PERIOD_US 20000000u

typedef struct {
    double ego_distance_m;       /* travelled since time zero; continuous over all periods */
    float ego_speed_mps;         /* continuous, as all speeds and the gap are */
    float ego_acceleration_mps2; /* the exact derivative of the speed; piecewise linear */
    float ego_yaw_rate_rps;      /* a gentle bend either way, left positive */
    float lead_gap_m;            /* from the camera to the lead car's bumper; always positive */
    float lead_speed_mps;
    float lead_acceleration_mps2;
    uint8_t lead_braking; /* 1 while its brake lights are on */
} ec_scene;

/* The scene `t_us` after time zero: a pure function, defined for every value. */
void ec_scenario_at(uint64_t t_us, ec_scene* scene);

#endif
