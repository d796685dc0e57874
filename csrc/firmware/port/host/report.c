#include "firmware/port/host/report.h"

#include <inttypes.h>
#include <stdio.h>

static const ec_trace_names names[EC_TRACE_KINDS] = {
    {"boot", {"boot_id", NULL, NULL}},       {"safe", {NULL, NULL, NULL}},
    {"active", {NULL, NULL, NULL}},          {"alert", {"kind", "level", "duration_ms"}},
    {"alert_end", {NULL, NULL, NULL}},       {"output", {"output", "value", NULL}},
    {"refused", {"type", "status", NULL}},   {"connected", {NULL, NULL, NULL}},
    {"disconnected", {NULL, NULL, NULL}},    {"offered", {"version", "status", "stored"}},
    {"stored", {"version", "status", NULL}}, {"activated", {"version", NULL, NULL}},
    {"confirmed", {"version", NULL, NULL}},
};

const ec_trace_names* ec_trace_naming(ec_trace_kind kind) {
    return kind < EC_TRACE_KINDS ? &names[kind] : NULL;
}

size_t ec_trace_json(const ec_trace* trace, char* out, size_t capacity) {
    const ec_trace_names* naming = ec_trace_naming(trace->kind);
    if (naming == NULL)
        return 0;
    const uint32_t values[3] = {trace->a, trace->b, trace->c};
    int length = snprintf(out, capacity, "{\"event\": \"%s\", \"t_us\": %" PRIu64, naming->event,
                          trace->t_us);
    for (int i = 0; i < 3 && length > 0 && (size_t)length < capacity; i++)
        if (naming->fields[i] != NULL)
            length += snprintf(out + length, capacity - (size_t)length, ", \"%s\": %" PRIu32,
                               naming->fields[i], values[i]);
    if (length < 0 || (size_t)length + 3 > capacity)
        return 0;
    out[length++] = '}';
    out[length++] = '\n';
    out[length] = '\0';
    return (size_t)length;
}
