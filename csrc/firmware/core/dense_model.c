#include "firmware/core/dense_model.h"

#include <string.h>

#define WEIGHTS 15u
#define WEIGHT_ZERO 7

static void load(void* context, const uint8_t* input) {
    ec_dense* dense = context;
    memcpy(dense->input, input, sizeof dense->input);
}

static void infer(void* context) {
    ec_dense* dense = context;
    for (uint32_t o = 0; o < EC_DENSE_OUTPUTS; o++) {
        int32_t score = 0;
        uint32_t weight = o;
        for (uint32_t i = 0; i < EC_DENSE_INPUTS; i++) {
            score += dense->input[i] * ((int32_t)weight - WEIGHT_ZERO);
            weight += o + 1u;
            if (weight >= WEIGHTS)
                weight -= WEIGHTS;
        }
        dense->scores[o] = score;
    }
}

static void results(void* context, int32_t* thousandths) {
    memcpy(thousandths, ((ec_dense*)context)->scores, sizeof((ec_dense*)context)->scores);
}

ec_tiny_model ec_dense_model(ec_dense* dense) {
    ec_tiny_model model = {"edgecore untrained reference",
                           "ic01",
                           EC_DENSE_INPUTS,
                           EC_DENSE_OUTPUTS,
                           dense,
                           load,
                           infer,
                           results};
    return model;
}
