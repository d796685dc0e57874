#ifndef EC_FIRMWARE_TELEMETRY_H
#define EC_FIRMWARE_TELEMETRY_H

/* What the firmware reports by itself, each record at its own pace. */

#include "firmware/hal.h"
#include "link/session.h"

#define EC_IMU_PERIOD_US 10000u
#define EC_VEHICLE_PERIOD_US 20000u
#define EC_STATUS_PERIOD_US 100000u

/* Records of one kind in a frame. */
#define EC_IMU_BATCH 5u
#define EC_VEHICLE_BATCH 2u

/* Due on a fixed grid; a loop that was held up for long skips what it missed. */
typedef struct {
    uint64_t next_us;
    uint32_t period_us;
} ec_cadence;

typedef struct {
    ec_cadence imu, vehicle, status;
    ec_imu imu_batch[EC_IMU_BATCH];
    ec_vehicle vehicle_batch[EC_VEHICLE_BATCH];
    uint8_t imu_count, vehicle_count;
} ec_telemetry;

void ec_telemetry_init(ec_telemetry* telemetry, uint64_t now_us);

/* Publishes the records that are due. `status` is copied with its time set; it is the caller's. */
void ec_telemetry_step(ec_telemetry* telemetry, ec_session* session, const ec_hal* hal,
                       uint64_t now_us, const ec_status* status);

/* When the next record is due. */
uint64_t ec_telemetry_next_us(const ec_telemetry* telemetry);

#endif
