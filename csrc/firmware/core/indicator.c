#include "firmware/core/indicator.h"

/* The first `on_us` of every `period_us`. Both are multiples of EC_BLINK_US. */
typedef struct {
    uint32_t period_us, on_us;
} beat;

#define BLINK_US 50000u

static const beat steady = {BLINK_US, BLINK_US};
static const beat silent = {BLINK_US, 0};
static const beat warning = {1000000u, 100000u};
static const beat alert_led[EC_ALERT_LEVELS] = {
    {BLINK_US, 0}, {500000u, 250000u}, {250000u, 100000u}, {100000u, 50000u}};
static const beat alert_buzzer[EC_ALERT_LEVELS] = {
    {BLINK_US, 0}, {500000u, 100000u}, {250000u, 100000u}, {BLINK_US, BLINK_US}};

void ec_indicator_init(ec_indicator* indicator) {
    indicator->since_us = 0;
    indicator->alert_ends_us = 0;
    indicator->alert_level = 0;
    indicator->warning = false;
    indicator->led_set = false;
    indicator->buzzer_set = false;
}

void ec_indicator_alert(ec_indicator* indicator, uint8_t level, uint32_t duration_us,
                        uint64_t now_us) {
    if (level != indicator->alert_level)
        indicator->since_us = now_us; /* a renewed alert keeps its rhythm */
    indicator->alert_level = level;
    indicator->alert_ends_us = now_us + duration_us;
}

void ec_indicator_warn(ec_indicator* indicator, bool warn, uint64_t now_us) {
    if (warn) {
        indicator->alert_level = 0;
        indicator->led_set = false;
        indicator->buzzer_set = false;
    }
    if (warn != indicator->warning && indicator->alert_level == 0)
        indicator->since_us = now_us;
    indicator->warning = warn;
}

bool ec_indicator_expire(ec_indicator* indicator, uint64_t now_us) {
    if (indicator->alert_level == 0 || now_us < indicator->alert_ends_us)
        return false;
    indicator->alert_level = 0;
    indicator->since_us = indicator->alert_ends_us;
    return true;
}

ec_signal ec_indicator_led(const ec_indicator* indicator) {
    if (indicator->alert_level != 0)
        return EC_SIGNAL_ALERT;
    if (indicator->warning)
        return EC_SIGNAL_WARNING;
    return indicator->led_set ? EC_SIGNAL_ON : EC_SIGNAL_OFF;
}

ec_signal ec_indicator_buzzer(const ec_indicator* indicator) {
    if (indicator->alert_level != 0)
        return EC_SIGNAL_ALERT;
    return indicator->buzzer_set ? EC_SIGNAL_ON : EC_SIGNAL_OFF;
}

static const beat* beat_of(ec_signal signal, const beat* alert) {
    switch (signal) {
    case EC_SIGNAL_ON:
        return &steady;
    case EC_SIGNAL_ALERT:
        return alert;
    case EC_SIGNAL_WARNING:
        return &warning;
    default:
        return &silent;
    }
}

static bool on(const beat* b, uint64_t elapsed_us) {
    return elapsed_us % b->period_us < b->on_us;
}

ec_lamps ec_indicator_lamps(const ec_indicator* indicator, uint64_t now_us) {
    uint64_t elapsed_us = now_us - indicator->since_us;
    const beat* led = beat_of(ec_indicator_led(indicator), &alert_led[indicator->alert_level]);
    const beat* buzzer =
        beat_of(ec_indicator_buzzer(indicator), &alert_buzzer[indicator->alert_level]);
    ec_lamps lamps = {on(led, elapsed_us), on(buzzer, elapsed_us)};
    return lamps;
}

uint64_t ec_indicator_next_us(const ec_indicator* indicator, uint64_t now_us) {
    if (indicator->alert_level == 0 && !indicator->warning)
        return UINT64_MAX;
    uint64_t next_us = now_us + BLINK_US - (now_us - indicator->since_us) % BLINK_US;
    if (indicator->alert_level != 0 && indicator->alert_ends_us < next_us)
        next_us = indicator->alert_ends_us;
    return next_us;
}
