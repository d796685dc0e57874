#include "frames/reader.h"

#define BIT(slot) (UINT64_C(1) << (slot))

/* A producer that overtakes a reader so often in a row is a hostile one. */
#define TRIES 64

bool ec_reader_init(ec_reader* reader, const ec_stream* stream, uint64_t bytes, uint32_t buffers,
                    ec_page* page) {
    if (bytes < EC_STREAM_PIXELS || stream->magic != EC_STREAM_MAGIC ||
        stream->version != EC_STREAM_VERSION || stream->buffers != buffers) {
        return false;
    }
    uint32_t slots = stream->slots;
    uint64_t slot_bytes = stream->slot_bytes;
    if (slots < 2 || slots > EC_SLOTS_MAX || slot_bytes == 0 || slot_bytes > EC_SLOT_BYTES_MAX ||
        bytes < ec_stream_bytes(slots, slot_bytes, buffers)) {
        return false;
    }
    *reader = (ec_reader){
        .stream = stream, .page = page, .slot_bytes = slot_bytes, .slots = slots, .seen = 0};
    return true;
}

bool ec_reader_has_news(const ec_reader* reader) {
    uint64_t newest = atomic_load(&reader->stream->newest);
    uint64_t sequence = newest >> EC_SLOT_BITS;
    uint32_t slot = newest & (EC_SLOTS_MAX - 1);
    return sequence > reader->seen && slot < reader->slots &&
           atomic_load(&reader->stream->slot[slot].sequence) == sequence;
}

ec_taken ec_reader_take(ec_reader* reader, ec_lease* lease) {
    uint64_t before = 0;
    for (int i = 0; i < TRIES; i++) {
        uint64_t newest = atomic_load(&reader->stream->newest);
        uint64_t sequence = newest >> EC_SLOT_BITS;
        uint32_t slot = newest & (EC_SLOTS_MAX - 1);
        /* Still the one that was gone: it is being overwritten, and its successor will ring. */
        if (sequence <= reader->seen || slot >= reader->slots || newest == before) {
            return EC_NOTHING_NEW;
        }
        const ec_stream_slot* held = &reader->stream->slot[slot];
        atomic_fetch_or(&reader->page->leases, BIT(slot));
        if (atomic_load(&held->sequence) == sequence) {
            *lease = (ec_lease){.picture = held->picture, .sequence = sequence, .slot = slot};
            reader->seen = sequence;
            if (!ec_picture_fits(&lease->picture, reader->slot_bytes)) {
                ec_reader_release(reader, slot);
                return EC_UNFIT;
            }
            return EC_TAKEN;
        }
        ec_reader_release(reader, slot);
        before = newest;
    }
    return EC_NOTHING_NEW;
}

void ec_reader_release(ec_reader* reader, uint32_t slot) {
    atomic_fetch_and(&reader->page->leases, ~BIT(slot));
}

uint64_t ec_reader_held(const ec_reader* reader) {
    return atomic_load(&reader->page->leases);
}
