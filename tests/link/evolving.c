/* A device for tests/link/test_evolution.py, compiled against one list of messages or another by
 * -DEC_MESSAGES_INC. Runs on the descriptor that argv[1] names until it hangs up. The RESULT of an
 * Alert is the record as the handler saw it; an imu record goes out every 10 ms. */

#include "link/command.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

EC_STORAGE(storage, 8, 64, 1024, 64, 0);

static ec_session session;
static storage memory;
static ec_alert last_alert;

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static uint8_t alert(void* context, uint64_t now, const void* record) {
    (void)context, (void)now;
    memcpy(&last_alert, record, sizeof last_alert);
    return EC_STATUS_DONE;
}

static const ec_command commands[] = {{EC_TYPE_ALERT, alert}};

static void handle(const ec_event* event, uint64_t now) {
    if (event->kind != EC_EVENT_REQUEST)
        return;
    uint8_t status =
        ec_command_execute(commands, 1, NULL, now, event->type, event->body, event->length);
    ec_session_result(&session, event->handle, status, (const uint8_t*)&last_alert,
                      status == EC_STATUS_DONE ? sizeof last_alert : 0);
}

static void publish(uint64_t now) {
    ec_imu imu;
    memset(&imu, 0, sizeof imu);
    imu.t_us = now;
    imu.accel_z = 9.5f;
#ifdef EC_TEST_NEWER
    imu.temperature = 31.25f;
#endif
    (void)ec_session_publish(&session, EC_CHANNEL_TELEMETRY, EC_TYPE_IMU, (const uint8_t*)&imu,
                             sizeof imu);
}

int main(int count, char** arguments) {
    int fd = count > 1 ? atoi(arguments[1]) : 0;
    ec_config config;
    memset(&config, 0, sizeof config);
    config.role = EC_DEVICE;
    config.boot_id = 9;
    config.name = "evolving";
    config.version = "1";
    config.schema = &ec_messages;
    ec_memory room = EC_STORAGE_MEMORY(memory);
    uint64_t next = now_us();
    if (!ec_session_init(&session, &config, &room, next))
        return 1;
    for (;;) {
        uint8_t bytes[256];
        struct pollfd line = {fd, POLLIN, 0};
        (void)poll(&line, 1, 5);
        ssize_t length = line.revents != 0 ? read(fd, bytes, sizeof bytes) : 0;
        if (line.revents != 0 && length <= 0)
            return 0;
        uint64_t now = now_us();
        ec_event event;
        size_t at = 0;
        do {
            at += ec_session_input(&session, now, bytes + at, (size_t)length - at);
            while (ec_session_event(&session, now, &event))
                handle(&event, now);
        } while (at < (size_t)length);
        for (; next <= now; next += 10000u)
            publish(now);
        size_t out;
        while ((out = ec_session_output(&session, now, bytes, sizeof bytes)) > 0)
            if (write(fd, bytes, out) < 0)
                return 0;
    }
}
