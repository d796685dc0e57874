#ifndef EC_FIRMWARE_VEHICLE_DRIVE_H
#define EC_FIRMWARE_VEHICLE_DRIVE_H

/* The sensors of a vehicle that drives the scenario, for ports without a real one. `t_us` is the
 * scene's time; before its time zero the scene stands still. `random` is the state of the sensors'
 * noise, of any value. */

#include "firmware/hal.h"

void ec_drive_imu(int64_t t_us, uint64_t* random, ec_imu_sample* sample);
float ec_drive_speed_mps(int64_t t_us, uint64_t* random);

#endif
