#include "firmware/port/vehicle/drive.h"

#include "firmware/core/scenario.h"

#define GRAVITY_MPS2 9.81f
#define ACCEL_NOISE_MPS2 0.03f
#define GYRO_NOISE_RPS 0.002f
#define SPEED_NOISE_MPS 0.02f

/* Near-normal noise of standard deviation 1: the sum of twelve uniform values (Irwin-Hall). */
static float noise(uint64_t* random) {
    float sum = -6.0f;
    for (int i = 0; i < 12; i++) {
        *random = *random * 6364136223846793005u + 1442695040888963407u;
        sum += (float)(*random >> 40) * 0x1p-24f;
    }
    return sum;
}

static ec_scene scene_at(int64_t t_us) {
    ec_scene scene;
    ec_scenario_at(t_us > 0 ? (uint64_t)t_us : 0, &scene);
    return scene;
}

void ec_drive_imu(int64_t t_us, uint64_t* random, ec_imu_sample* sample) {
    ec_scene scene = scene_at(t_us);
    sample->accel_mps2[0] = scene.ego_acceleration_mps2;
    sample->accel_mps2[1] = scene.ego_speed_mps * scene.ego_yaw_rate_rps;
    sample->accel_mps2[2] = GRAVITY_MPS2;
    sample->gyro_rps[0] = 0.0f;
    sample->gyro_rps[1] = 0.0f;
    sample->gyro_rps[2] = scene.ego_yaw_rate_rps;
    for (int axis = 0; axis < 3; axis++) {
        sample->accel_mps2[axis] += ACCEL_NOISE_MPS2 * noise(random);
        sample->gyro_rps[axis] += GYRO_NOISE_RPS * noise(random);
    }
}

float ec_drive_speed_mps(int64_t t_us, uint64_t* random) {
    return scene_at(t_us).ego_speed_mps + SPEED_NOISE_MPS * noise(random);
}
