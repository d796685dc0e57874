#ifndef EC_FIRMWARE_HAL_H
#define EC_FIRMWARE_HAL_H

/* All that the firmware asks of a board. Every function gets `port` back, returns at once and is
 * called from the one loop that calls ec_firmware_step; none is NULL unless it says so. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    float accel_mps2[3]; /* x forward, y left, z up; at rest z reads +9.81 */
    float gyro_rps[3];   /* right-handed about the same axes */
} ec_imu_sample;

/* What the firmware did, for a port that keeps a trace. The numbers mean, by kind: */
typedef enum {
    EC_TRACE_BOOT,         /* a: boot id */
    EC_TRACE_SAFE,         /* entered the safe state */
    EC_TRACE_ACTIVE,       /* left it */
    EC_TRACE_ALERT,        /* a: kind, b: level, c: milliseconds */
    EC_TRACE_ALERT_END,    /* the alert ran out */
    EC_TRACE_OUTPUT,       /* a: output, b: value */
    EC_TRACE_REFUSED,      /* a: message type, b: status of the RESULT */
    EC_TRACE_CONNECTED,    /* a session opened */
    EC_TRACE_DISCONNECTED, /* the peer fell silent */
    EC_TRACE_OFFERED,      /* an image was offered; a: its version, b: ec_bulk_status, c: bytes
                              stored already */
    EC_TRACE_STORED,       /* all of it came; a: version, b: ec_bulk_status */
    EC_TRACE_ACTIVATED,    /* it runs after the reset that follows; a: version */
    EC_TRACE_CONFIRMED,    /* it stays; a: version */
    EC_TRACE_KINDS
} ec_trace_kind;

typedef struct {
    uint64_t t_us;
    uint32_t a, b, c;
    ec_trace_kind kind;
} ec_trace;

/* What a port says of a signature. */
typedef enum {
    EC_SIGNATURE_BAD,
    EC_SIGNATURE_GOOD,
    EC_SIGNATURE_LATER /* a part of its own is still at it */
} ec_signature;

/* Flash, of a port that can be updated: `sectors` sectors from address 0, of which the first two
 * hold the boot record and the rest two slots of equal size. Erased bytes read 0xFF; a unit is
 * programmed once after each erase. Each function is whole when it answers true; power may fail in
 * any of them, and leave the unit or sector in hand with any content. */
typedef struct {
    uint32_t sector_bytes; /* erased at once: a power of two, 256 or more */
    uint32_t unit_bytes;   /* programmed at once: a power of two, at most 32 */
    uint32_t sectors;      /* 6 or more */
    bool (*read)(void* port, uint32_t address, uint8_t* data, size_t length);
    bool (*erase)(void* port, uint32_t address);
    bool (*program)(void* port, uint32_t address, const uint8_t* data, size_t length);

    /* Whether the signature is Ed25519's of the message under the key that this port trusts. Does
     * not wait: after EC_SIGNATURE_LATER it is asked the same in later steps, or something else,
     * and the question before is then of no interest. NULL on a port that cannot tell: it takes no
     * image. */
    ec_signature (*verify)(void* port, const uint8_t* message, size_t length,
                           const uint8_t* signature);
    /* Starts the device anew, soon after it returns. */
    void (*reset)(void* port);
} ec_flash;

typedef struct {
    void* port;

    /* Microseconds since boot; never goes back. */
    uint64_t (*now_us)(void* port);
    /* A number unlikely to be that of the boot before. */
    uint32_t (*boot_id)(void* port);
    /* Boots since power came on, this one included. */
    uint32_t (*boots)(void* port);
    /* Which program this is, by the linker's --build-id: its first 4 bytes. NULL: not known, and
     * hosts cannot read the log lines. */
    const uint8_t* build_id;

    /* Takes up to `capacity` received bytes; returns how many: fewer only if no more have come. */
    size_t (*receive)(void* port, uint8_t* data, size_t capacity);
    /* Hands bytes to the line; returns how many it took, the others stay with the caller. */
    size_t (*transmit)(void* port, const uint8_t* data, size_t length);

    void (*set_led)(void* port, bool on);
    void (*set_buzzer)(void* port, bool on);

    /* False when the sensor has no value; the record is left out then. */
    bool (*read_imu)(void* port, ec_imu_sample* sample);
    bool (*read_speed)(void* port, float* speed_mps);

    /* Shows the watchdog that the loop still turns. */
    void (*kick_watchdog)(void* port);
    /* Notes an event; may forget it. */
    void (*trace)(void* port, const ec_trace* event);

    /* NULL on a port that cannot be updated. */
    const ec_flash* flash;

    /* Sets the line's speed, baud, once all that `transmit` took has left; 0: as it began. NULL on
     * a port whose line has one speed, or none. */
    void (*set_line_speed)(void* port, uint32_t baud);
    uint32_t line_speed_max;

#ifndef EC_NO_AUTH
    /* 32 bytes that the host proves before it may command or update this device, and this device
     * proves to it; NULL: whoever holds the line may do all. See docs/security.md. */
    const uint8_t* link_key;
    /* Fills in unpredictable bytes; false: it cannot now, and the firmware does not start. NULL on
     * a port that has none: its boot id must never repeat then. */
    bool (*entropy)(void* port, uint8_t* data, size_t length);
#endif
} ec_hal;

#endif
