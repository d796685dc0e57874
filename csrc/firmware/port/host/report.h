#ifndef EC_FIRMWARE_HOST_REPORT_H
#define EC_FIRMWARE_HOST_REPORT_H

#include "firmware/hal.h"

/* What a trace's kind and its numbers are called; NULL for a number it does not carry. */
typedef struct {
    const char* event;
    const char* fields[3];
} ec_trace_names;

/* NULL for a kind that does not exist. */
const ec_trace_names* ec_trace_naming(ec_trace_kind kind);

/* Writes the trace as one line of JSON with its newline, at most capacity - 1 characters and a
 * zero; 160 hold any. Returns the length, 0 when it does not fit or the kind does not exist. */
size_t ec_trace_json(const ec_trace* trace, char* out, size_t capacity);

#endif
