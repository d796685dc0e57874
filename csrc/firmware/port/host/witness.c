#include "firmware/port/host/witness.h"

#include <string.h>

/* FNV-1a, 64 bits, over header and body. */
static uint64_t hash_bytes(uint64_t hash, const uint8_t* data, size_t length) {
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ data[i]) * 0x100000001B3u;
    return hash;
}

static uint64_t hash_frame(const ec_frame* frame) {
    const uint8_t header[4] = {frame->kind, frame->channel, frame->sequence, frame->type};
    uint64_t hash = hash_bytes(0xCBF29CE484222325u, header, sizeof header);
    return frame->length > 0 ? hash_bytes(hash, frame->body, frame->length) : hash;
}

static bool was_sent(const ec_witness* witness, uint64_t hash) {
    for (uint32_t age = 1; age <= EC_WITNESS_FRAMES; age++)
        if (witness->recent[(witness->next - age) % EC_WITNESS_FRAMES] == hash)
            return true;
    return false;
}

void ec_witness_init(ec_witness* witness) {
    memset(witness, 0, sizeof *witness);
    ec_decoder_init(&witness->sender, witness->sender_buffer, EC_FRAME_MAX);
    ec_decoder_init(&witness->receiver, witness->receiver_buffer, EC_FRAME_MAX);
}

void ec_witness_sent(ec_witness* witness, const uint8_t* data, size_t length) {
    for (size_t at = 0, used; at < length; at += used) {
        ec_frame frame;
        ec_corrupt reason;
        if (ec_decoder_feed(&witness->sender, data + at, length - at, &used, &frame, &reason) !=
            EC_DECODED_FRAME)
            continue;
        witness->recent[witness->next++ % EC_WITNESS_FRAMES] = hash_frame(&frame);
        witness->sent++;
    }
}

void ec_witness_received(ec_witness* witness, const uint8_t* data, size_t length) {
    for (size_t at = 0, used; at < length; at += used) {
        ec_frame frame;
        ec_corrupt reason;
        switch (
            ec_decoder_feed(&witness->receiver, data + at, length - at, &used, &frame, &reason)) {
        case EC_DECODED_FRAME:
            witness->accepted++;
            if (!was_sent(witness, hash_frame(&frame)))
                witness->foreign++;
            break;
        case EC_DECODED_CORRUPT:
            witness->rejected++;
            break;
        default:
            break;
        }
    }
}
