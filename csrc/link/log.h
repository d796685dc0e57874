#ifndef EC_LINK_LOG_H
#define EC_LINK_LOG_H

/* Log lines whose words stay at home: the device sends where the words lie and the arguments, the
 * host has the words.
 *
 *     EC_LOG_WARNING(&log, now_us, "pump stalled at %u rpm, %.1f A", rpm, current);
 *
 * leaves file, line and format in section ec_log_strings of the program file, which a
 * microcontroller does not load (sections.ld), so they cost no flash; `edgecore link log-table`
 * reads them there. Conversions are d i u x X o c e E f g G, without length modifiers: arguments
 * are integers of up to 4 bytes, float, and double, which travels as float; the compiler checks
 * them. At most 6.
 *
 * Lines wait in a queue of their own, also while there is no session, and leave it one at a time on
 * EC_CHANNEL_LOG, at most one in EC_LOG_INTERVAL_US, so that an endless stream of them leaves room
 * for a transfer. A full queue drops the newest: the first ones tell why. Every line is numbered,
 * so the host knows how many are missing. Not for interrupt handlers. */

#include "link/session.h"

/* Data on EC_CHANNEL_LOG: build u32, number u32, t_us u64, token u32, then u32 for each argument.
 */
#define EC_LOG_LINE 0xFAu
#define EC_LOG_LINE_BYTES 20u
#define EC_LOG_ARGUMENTS 6u
/* What the session's own log ring must hold at least: one line. */
#define EC_LOG_RING_BYTES 48u

#ifndef EC_LOG_INTERVAL_US
#    define EC_LOG_INTERVAL_US 10000u
#endif

/* In the two highest bits of a token; the others are the entry's place in ec_log_strings. */
enum { EC_LEVEL_DEBUG, EC_LEVEL_INFO, EC_LEVEL_WARNING, EC_LEVEL_ERROR };

typedef struct {
    ec_ring queue;
    uint64_t next_us;       /* no line leaves before */
    uint32_t build, number; /* of the program, 0: not known; of the next line */
} ec_logger;

/* `bytes` stays the caller's. `build_id` says which program these lines are of: the first 4 bytes
 * of what the linker's --build-id made; NULL: it is not known. */
void ec_logger_init(ec_logger* log, uint8_t* bytes, size_t capacity, const uint8_t* build_id);

/* Queues a line, or counts it as dropped. For the macros below. */
void ec_logger_write(ec_logger* log, uint64_t now_us, uint8_t level, const char* entry,
                     uint8_t count, const uint32_t* words);

/* Hands the session the line that is due; returns when it wants to be called again. */
uint64_t ec_logger_step(ec_logger* log, ec_session* session, uint64_t now_us);

#define EC_LOG_DEBUG(log, now_us, ...) EC_LOG_AT(EC_LEVEL_DEBUG, log, now_us, __VA_ARGS__)
#define EC_LOG_INFO(log, now_us, ...) EC_LOG_AT(EC_LEVEL_INFO, log, now_us, __VA_ARGS__)
#define EC_LOG_WARNING(log, now_us, ...) EC_LOG_AT(EC_LEVEL_WARNING, log, now_us, __VA_ARGS__)
#define EC_LOG_ERROR(log, now_us, ...) EC_LOG_AT(EC_LEVEL_ERROR, log, now_us, __VA_ARGS__)

#define EC_LOG_AT(level, log, now_us, ...)                                                         \
    EC_LOG_PICK(__VA_ARGS__, EC_LOG_6, EC_LOG_5, EC_LOG_4, EC_LOG_3, EC_LOG_2, EC_LOG_1,           \
                EC_LOG_0, )                                                                        \
    (level, log, now_us, __VA_ARGS__)
#define EC_LOG_PICK(format, a, b, c, d, e, f, chosen, ...) chosen
#define EC_LOG_0(level, log, now_us, format) EC_LOG_PUT(level, log, now_us, format, (format), 0, 0)
#define EC_LOG_1(level, log, now_us, format, a)                                                    \
    EC_LOG_PUT(level, log, now_us, format, (format, EC_LOG_KIND(a)), 1, EC_LOG_WORD(a))
#define EC_LOG_2(level, log, now_us, format, a, b)                                                 \
    EC_LOG_PUT(level, log, now_us, format, (format, EC_LOG_KIND(a), EC_LOG_KIND(b)), 2,            \
               EC_LOG_WORD(a), EC_LOG_WORD(b))
#define EC_LOG_3(level, log, now_us, format, a, b, c)                                              \
    EC_LOG_PUT(level, log, now_us, format,                                                         \
               (format, EC_LOG_KIND(a), EC_LOG_KIND(b), EC_LOG_KIND(c)), 3, EC_LOG_WORD(a),        \
               EC_LOG_WORD(b), EC_LOG_WORD(c))
#define EC_LOG_4(level, log, now_us, format, a, b, c, d)                                           \
    EC_LOG_PUT(level, log, now_us, format,                                                         \
               (format, EC_LOG_KIND(a), EC_LOG_KIND(b), EC_LOG_KIND(c), EC_LOG_KIND(d)), 4,        \
               EC_LOG_WORD(a), EC_LOG_WORD(b), EC_LOG_WORD(c), EC_LOG_WORD(d))
#define EC_LOG_5(level, log, now_us, format, a, b, c, d, e)                                        \
    EC_LOG_PUT(                                                                                    \
        level, log, now_us, format,                                                                \
        (format, EC_LOG_KIND(a), EC_LOG_KIND(b), EC_LOG_KIND(c), EC_LOG_KIND(d), EC_LOG_KIND(e)),  \
        5, EC_LOG_WORD(a), EC_LOG_WORD(b), EC_LOG_WORD(c), EC_LOG_WORD(d), EC_LOG_WORD(e))
#define EC_LOG_6(level, log, now_us, format, a, b, c, d, e, f)                                     \
    EC_LOG_PUT(level, log, now_us, format,                                                         \
               (format, EC_LOG_KIND(a), EC_LOG_KIND(b), EC_LOG_KIND(c), EC_LOG_KIND(d),            \
                EC_LOG_KIND(e), EC_LOG_KIND(f)),                                                   \
               6, EC_LOG_WORD(a), EC_LOG_WORD(b), EC_LOG_WORD(c), EC_LOG_WORD(d), EC_LOG_WORD(e),  \
               EC_LOG_WORD(f))

#define EC_LOG_PUT(level, log, now_us, format, checked, count, ...)                                \
    do {                                                                                           \
        static const char ec_log_entry[] EC_LOG_SECTION =                                          \
            __FILE__ "\x1f" EC_LOG_TEXT(__LINE__) "\x1f" format;                                   \
        if (0)                                                                                     \
            ec_log_check checked;                                                                  \
        ec_logger_write(log, now_us, level, ec_log_entry, count, (const uint32_t[]){__VA_ARGS__}); \
    } while (0)
#define EC_LOG_SECTION __attribute__((section("ec_log_strings"), used))
#define EC_LOG_TEXT(number) EC_LOG_TEXT_OF(number)
#define EC_LOG_TEXT_OF(number) #number

/* Never called: the compiler compares the arguments with the format. */
__attribute__((format(printf, 1, 2))) static inline void ec_log_check(const char* format, ...) {
    (void)format;
}

/* For that comparison, the argument as the host reads it: double or a whole word; what is longer is
 * left to be complained of. */
#define EC_LOG_KIND(x)                                                                             \
    __builtin_choose_expr(__builtin_types_compatible_p(__typeof__(x), float) ||                    \
                              __builtin_types_compatible_p(__typeof__(x), double),                 \
                          (double)(x), __builtin_choose_expr(sizeof(x) <= 4, (int)(x), (x)))

/* Half of one is something in floating point only; `x` is not evaluated by the question. */
#define EC_LOG_WORD(x) ((0 ? (x) : 1) / 2 != 0 ? ec_log_real((float)(x)) : (uint32_t)(x))

static inline uint32_t ec_log_real(float value) {
    union {
        float real;
        uint32_t word;
    } as = {value};
    return as.word;
}

#endif
