#ifndef EC_FIRMWARE_INDICATOR_H
#define EC_FIRMWARE_INDICATOR_H

/* What LED and buzzer show. An alert covers the safe state's warning, which covers what the host
 * set. */

#include <stdbool.h>
#include <stdint.h>

#define EC_ALERT_LEVELS 4u /* 0 withdraws, 1 to 3 are ever more urgent */

/* As `status` records carry it in `led` and `buzzer`. */
typedef enum { EC_SIGNAL_OFF, EC_SIGNAL_ON, EC_SIGNAL_ALERT, EC_SIGNAL_WARNING } ec_signal;

typedef struct {
    uint64_t since_us;      /* the start of the pattern in force */
    uint64_t alert_ends_us; /* while alert_level is not 0 */
    uint8_t alert_level;
    bool warning; /* the safe state's pattern: LED blinks slowly, buzzer off */
    bool led_set, buzzer_set;
} ec_indicator;

typedef struct {
    bool led, buzzer;
} ec_lamps;

/* All off. */
void ec_indicator_init(ec_indicator* indicator);

/* Starts or replaces an alert; level 0 withdraws it. `level` is below EC_ALERT_LEVELS. */
void ec_indicator_alert(ec_indicator* indicator, uint8_t level, uint32_t duration_us,
                        uint64_t now_us);

/* Entering the warning ends any alert and forgets what the host set. */
void ec_indicator_warn(ec_indicator* indicator, bool warning, uint64_t now_us);

/* Ends the alert when its time is over; true when it did so just now. */
bool ec_indicator_expire(ec_indicator* indicator, uint64_t now_us);

ec_signal ec_indicator_led(const ec_indicator* indicator);
ec_signal ec_indicator_buzzer(const ec_indicator* indicator);

/* What is lit and sounds at this instant. */
ec_lamps ec_indicator_lamps(const ec_indicator* indicator, uint64_t now_us);

/* The next instant at which lamps or the alert may change; UINT64_MAX for never. */
uint64_t ec_indicator_next_us(const ec_indicator* indicator, uint64_t now_us);

#endif
