/* A firmware with messages of its own: a pump, on a pty whose name it prints.
 *
 *     make -C examples/own_messages
 *     build/own_messages/pump                      prints /dev/pts/3, say; then, elsewhere
 *     python examples/own_messages/host.py /dev/pts/3
 *     edgecore link monitor /dev/pts/3 --logs build/own_messages/pump
 *
 * On a microcontroller, what is below "The line" becomes the UART's driver; the rest stays. */

#include "firmware/port/host/build.h"
#include "link/command.h"
#include "link/log.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_US 20000u
#define FULL_MM 900
#define UNWATCHED_MS 5000u

EC_STORAGE(storage, 8, 64, 1024, EC_LOG_RING_BYTES, 0);

typedef struct {
    ec_session session;
    storage memory;
    ec_logger log;
    uint8_t log_bytes[256];
    uint16_t target_rpm, ramp_ds; /* ramp in tenths of a second */
    float speed_rpm, level_mm;
} pump;

/* The pump. */

/* The record is whole and within its bounds, whatever the host's age. */
static uint8_t set_pump(void* context, uint64_t now_us, const void* record) {
    pump* p = context;
    const ec_set_pump* command = record;
    if (command->speed > 0 && p->level_mm >= FULL_MM) {
        EC_LOG_WARNING(&p->log, now_us, "the tank is full: %.1f mm", p->level_mm);
        return EC_STATUS_BUSY;
    }
    p->target_rpm = command->speed;
    p->ramp_ds = command->ramp;
    EC_LOG_INFO(&p->log, now_us, "to %u rpm in %.1f s", command->speed, command->ramp * 0.1f);
    return EC_STATUS_DONE;
}

static const ec_command commands[] = {{EC_TYPE_SET_PUMP, set_pump}};

static void turn(pump* p, uint64_t now_us) {
    float step = 3000.0f * (PERIOD_US / 1e5f) / (float)(p->ramp_ds + 1);
    float error = (float)p->target_rpm - p->speed_rpm;
    p->speed_rpm += error > step ? step : error < -step ? -step : error;
    p->level_mm += p->speed_rpm * 1e-4f;
    if (p->level_mm >= FULL_MM)
        p->target_rpm = 0;
    ec_tank record = {now_us, (int16_t)(p->level_mm * 10.0f), (uint16_t)p->speed_rpm};
    ec_session_publish(&p->session, EC_CHANNEL_TELEMETRY, EC_TYPE_TANK, (uint8_t*)&record,
                       sizeof record);
}

static void handle(pump* p, uint64_t now_us, const ec_event* event) {
    if (event->kind == EC_EVENT_REQUEST) {
        uint8_t status = ec_command_execute(commands, sizeof commands / sizeof commands[0], p,
                                            now_us, event->type, event->body, event->length);
        ec_session_result(&p->session, event->handle, status, NULL, 0);
    } else if (event->kind == EC_EVENT_LEASE_LOST) {
        EC_LOG_WARNING(&p->log, now_us, "nobody is there to watch it: off");
        p->target_rpm = 0;
    }
}

static void receive(pump* p, uint64_t now_us, const uint8_t* bytes, size_t length) {
    ec_event event;
    for (size_t at = 0;;) {
        at += ec_session_input(&p->session, now_us, bytes + at, length - at);
        while (ec_session_event(&p->session, now_us, &event))
            handle(p, now_us, &event);
        if (at == length)
            return;
    }
}

/* The line. */

static uint64_t clock_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static int open_pty(void) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        return -1;
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY); /* kept open: hosts come and go */
    struct termios raw;
    if (slave < 0 || tcgetattr(slave, &raw) != 0)
        return -1;
    cfmakeraw(&raw);
    tcsetattr(slave, TCSANOW, &raw);
    fcntl(master, F_SETFL, O_NONBLOCK);
    return master;
}

int main(void) {
    static pump p;
    int line = open_pty();
    uint64_t next_us = clock_us();
    ec_memory memory = EC_STORAGE_MEMORY(p.memory);
    ec_config config = {.role = EC_DEVICE,
                        .boot_id = (uint32_t)next_us | 1u,
                        .name = "pump",
                        .version = "1.0",
                        .schema = &ec_messages,
                        .lease_max_ms = UNWATCHED_MS};
    if (line < 0 || !ec_session_init(&p.session, &config, &memory, next_us))
        return 1;
    ec_logger_init(&p.log, p.log_bytes, sizeof p.log_bytes, ec_build_id());
    EC_LOG_INFO(&p.log, next_us, "ready, full at %u mm", FULL_MM);
    printf("%s\n", ptsname(line));
    fflush(stdout);
    for (;;) {
        uint8_t bytes[256];
        struct pollfd wait = {line, POLLIN, 0};
        poll(&wait, 1, 5);
        ssize_t length = read(line, bytes, sizeof bytes);
        uint64_t now_us = clock_us();
        receive(&p, now_us, bytes, length > 0 ? (size_t)length : 0);
        for (; next_us <= now_us; next_us += PERIOD_US)
            turn(&p, now_us);
        ec_logger_step(&p.log, &p.session, now_us);
        size_t out;
        while ((out = ec_session_output(&p.session, now_us, bytes, sizeof bytes)) > 0)
            if (write(line, bytes, out) != (ssize_t)out)
                break; /* the line takes no more and loses bytes; the session makes up for it */
    }
}
