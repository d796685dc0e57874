#include "firmware/core/telemetry.h"

#define LATE_PERIODS 8u

static void start(ec_cadence* cadence, uint32_t period_us, uint64_t now_us) {
    cadence->period_us = period_us;
    cadence->next_us = now_us + period_us;
}

/* Whether a record is due; each true uses up one place on the grid. */
static bool due(ec_cadence* cadence, uint64_t now_us) {
    if (now_us < cadence->next_us)
        return false;
    uint64_t missed = (now_us - cadence->next_us) / cadence->period_us;
    if (missed > LATE_PERIODS)
        cadence->next_us += missed * cadence->period_us;
    cadence->next_us += cadence->period_us;
    return true;
}

void ec_telemetry_init(ec_telemetry* telemetry, uint64_t now_us) {
    start(&telemetry->imu, EC_IMU_PERIOD_US, now_us);
    start(&telemetry->vehicle, EC_VEHICLE_PERIOD_US, now_us);
    start(&telemetry->status, EC_STATUS_PERIOD_US, now_us);
    telemetry->imu_count = 0;
    telemetry->vehicle_count = 0;
}

static void publish(ec_session* session, uint8_t type, const void* records, size_t length) {
    (void)ec_session_publish(session, EC_CHANNEL_TELEMETRY, type, records, length);
}

static void add_imu(ec_telemetry* telemetry, ec_session* session, const ec_hal* hal,
                    uint64_t now_us) {
    ec_imu_sample sample;
    if (!hal->read_imu(hal->port, &sample))
        return;
    ec_imu* record = &telemetry->imu_batch[telemetry->imu_count++];
    record->t_us = now_us;
    record->accel_x = sample.accel_mps2[0];
    record->accel_y = sample.accel_mps2[1];
    record->accel_z = sample.accel_mps2[2];
    record->gyro_x = sample.gyro_rps[0];
    record->gyro_y = sample.gyro_rps[1];
    record->gyro_z = sample.gyro_rps[2];
    if (telemetry->imu_count == EC_IMU_BATCH) {
        publish(session, EC_TYPE_IMU, telemetry->imu_batch, sizeof telemetry->imu_batch);
        telemetry->imu_count = 0;
    }
}

static void add_vehicle(ec_telemetry* telemetry, ec_session* session, const ec_hal* hal,
                        uint64_t now_us) {
    float speed_mps;
    if (!hal->read_speed(hal->port, &speed_mps))
        return;
    ec_vehicle* record = &telemetry->vehicle_batch[telemetry->vehicle_count++];
    record->t_us = now_us;
    record->speed_mps = speed_mps;
    if (telemetry->vehicle_count == EC_VEHICLE_BATCH) {
        publish(session, EC_TYPE_VEHICLE, telemetry->vehicle_batch,
                sizeof telemetry->vehicle_batch);
        telemetry->vehicle_count = 0;
    }
}

void ec_telemetry_step(ec_telemetry* telemetry, ec_session* session, const ec_hal* hal,
                       uint64_t now_us, const ec_status* status) {
    if (!ec_session_open(session)) {
        telemetry->imu_count = 0;
        telemetry->vehicle_count = 0;
    }
    while (due(&telemetry->imu, now_us))
        add_imu(telemetry, session, hal, now_us);
    while (due(&telemetry->vehicle, now_us))
        add_vehicle(telemetry, session, hal, now_us);
    while (due(&telemetry->status, now_us)) {
        ec_status record = *status;
        record.t_us = now_us;
        publish(session, EC_TYPE_STATUS, &record, sizeof record);
    }
}

static uint64_t earlier(uint64_t a_us, uint64_t b_us) {
    return a_us < b_us ? a_us : b_us;
}

uint64_t ec_telemetry_next_us(const ec_telemetry* telemetry) {
    return earlier(earlier(telemetry->imu.next_us, telemetry->vehicle.next_us),
                   telemetry->status.next_us);
}
