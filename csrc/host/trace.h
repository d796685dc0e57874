#ifndef EC_HOST_TRACE_H
#define EC_HOST_TRACE_H

/* The newest bytes of a line, both ways, each with the time at which it went over: what a flight
 * recorder keeps of a link. A ring in memory of its user's; the oldest pieces give way. Its user
 * locks. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before the bytes of each piece. */
typedef struct {
    uint64_t t_us;
    uint32_t length;
    bool to_device;
} ec_trace_entry;

typedef struct {
    uint8_t* bytes; /* entries, each followed by its piece, from `head` on and around the end */
    size_t capacity, head, used;
    bool lost; /* older pieces gave way, or one was larger than the ring */
} ec_trace;

/* With a capacity of 0 nothing is kept. */
void ec_trace_init(ec_trace* trace, uint8_t* bytes, size_t capacity);

/* Keeps a piece as the newest. */
void ec_trace_put(ec_trace* trace, uint64_t now_us, bool to_device, const uint8_t* piece,
                  size_t length);

/* Copies what is kept, `used` bytes, the oldest first and in one piece; returns how many. */
size_t ec_trace_copy(const ec_trace* trace, uint8_t* out);

#endif
