#ifndef EC_FIRMWARE_DENSE_MODEL_H
#define EC_FIRMWARE_DENSE_MODEL_H

/* One dense layer in integers, untrained: what the reference firmware answers MLPerf Tiny's
 * commands with. It has the shape of the benchmark's image classification (32 x 32 x 3 bytes in,
 * ten scores out) and nothing else of it; its scores mean nothing, and anyone can compute them:
 *
 *     score[o] = sum over i of input[i] * ((i * (o + 1) + o) % 15 - 7)
 */

#include "firmware/core/mlperf_tiny.h"

#define EC_DENSE_INPUTS (32u * 32u * 3u)
#define EC_DENSE_OUTPUTS 10u

typedef struct {
    uint8_t input[EC_DENSE_INPUTS];
    int32_t scores[EC_DENSE_OUTPUTS]; /* within 7 * 255 * EC_DENSE_INPUTS: no overflow */
} ec_dense;

/* `dense` is all zero before the first inference, and outlives the model. */
ec_tiny_model ec_dense_model(ec_dense* dense);

#endif
