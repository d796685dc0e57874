#ifndef EC_FIRMWARE_MLPERF_TINY_H
#define EC_FIRMWARE_MLPERF_TINY_H

/* Answers the text protocol of the MLPerf Tiny benchmark in performance mode, as the v1.x API of
 * github.com/mlcommons/tiny (benchmark/api) defines it: commands that end in '%', each answered by
 * lines and then "m-ready". A port fills an ec_hal, of which the clock, the line and the watchdog
 * are used, and calls ec_tiny_step in its main loop, which then speaks this protocol in place of
 * the link's.
 *
 * Stricter than the published code where that would lose or overrun data: a command longer than
 * EC_TINY_COMMAND_MAX, an input larger than EC_TINY_INPUT_MAX, bytes that no load asked for, and an
 * inference without a whole input are errors. CR and LF between commands are skipped. */

#include "firmware/core/text_line.h"
#include "firmware/hal.h"

#define EC_TINY_COMMAND_MAX 80u
/* The largest input of the benchmark: a picture of visual wake words. */
#ifndef EC_TINY_INPUT_MAX
#    define EC_TINY_INPUT_MAX (96u * 96u * 3u)
#endif
/* All of them fit one line. */
#define EC_TINY_RESULTS_MAX 16u

/* What is measured. Functions get `context` back and return when they are done. */
typedef struct {
    const char* vendor; /* of the device, at most 40 letters */
    const char* name;   /* of the benchmark's model: kws01, vww01, ic01, ad01 */
    size_t input_bytes; /* at most EC_TINY_INPUT_MAX */
    size_t result_count;
    void* context;
    void (*load)(void* context, const uint8_t* input);
    void (*infer)(void* context);
    /* Fills in `result_count` numbers, in thousandths. */
    void (*results)(void* context, int32_t* thousandths);
} ec_tiny_model;

typedef enum {
    EC_TINY_LISTENING,
    EC_TINY_LISTING, /* lines that are constant */
    EC_TINY_PRINTING,
    EC_TINY_WARMING,
    EC_TINY_WARMED,
    EC_TINY_STARTING,
    EC_TINY_INFERRING,
    EC_TINY_STOPPING,
    EC_TINY_INFERRED,
    EC_TINY_RESULTS,
    EC_TINY_READY
} ec_tiny_doing;

typedef struct {
    const ec_hal* hal;
    const ec_tiny_model* model;
    ec_tiny_doing doing;

    uint8_t chunk[64]; /* received, not looked at yet: the next command waits for the answer */
    uint8_t chunk_length, chunk_at;
    uint8_t command_length;
    bool command_too_long;
    char command[EC_TINY_COMMAND_MAX + 1u];

    ec_text_line line; /* of the answer */
    uint16_t line_sent;
    const char* const* list;
    uint32_t list_left;

    uint8_t input[EC_TINY_INPUT_MAX];
    uint32_t input_size, input_filled, input_printed;

    uint32_t inferences, inferences_left;
    uint64_t lap_us;
} ec_tiny;

/* Boots: the greeting goes out with the first steps. Both outlive `tiny`. False when the model has
 * no input or result, or more than there is room for. */
bool ec_tiny_init(ec_tiny* tiny, const ec_hal* hal, const ec_tiny_model* model);

/* Does a line of an answer, a slice of the inferences or a piece of what came, and returns when it
 * wants to be called again, on the HAL's clock: UINT64_MAX when bytes have come or gone. */
uint64_t ec_tiny_step(ec_tiny* tiny);

/* The port saw the line close: the answer under way, inferences with it, and half a command are
 * forgotten; the input stays. */
void ec_tiny_line_lost(ec_tiny* tiny);

#endif
