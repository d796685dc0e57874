#include "frames/writer.h"

#define BIT(slot) (UINT64_C(1) << (slot))

void ec_writer_init(ec_writer* writer, ec_stream* stream, uint32_t slots, uint64_t slot_bytes,
                    uint32_t buffers) {
    *writer = (ec_writer){.stream = stream};
    stream->magic = EC_STREAM_MAGIC;
    stream->version = EC_STREAM_VERSION;
    stream->slots = slots;
    stream->buffers = buffers;
    stream->slot_bytes = slot_bytes;
}

static uint64_t all_slots(const ec_writer* writer) {
    return ~UINT64_C(0) >> (EC_SLOTS_MAX - writer->stream->slots);
}

uint64_t ec_writer_leased(const ec_writer* writer) {
    uint64_t leased = 0;
    for (unsigned i = 0; i < EC_READERS_MAX; i++) {
        if (writer->pages[i] != NULL) {
            leased |= atomic_load(&writer->pages[i]->leases);
        }
    }
    return leased & all_slots(writer);
}

static int oldest_of(ec_writer* writer, uint64_t candidates) {
    int oldest = EC_NO_SLOT;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < writer->stream->slots; i++) {
        uint64_t sequence =
            atomic_load_explicit(&writer->stream->slot[i].sequence, memory_order_relaxed);
        if ((candidates & BIT(i)) != 0 && sequence < least) {
            oldest = (int)i;
            least = sequence;
        }
    }
    return oldest;
}

/* The reader sets its bit and then looks whether the picture is still there; here the picture goes
 * and then the bits are looked at. All four are sequentially consistent, so at least one of the two
 * sees the other and steps back. */
static bool vacate(ec_writer* writer, int slot) {
    _Atomic uint64_t* sequence = &writer->stream->slot[slot].sequence;
    uint64_t before = atomic_exchange(sequence, 0);
    if ((ec_writer_leased(writer) & BIT(slot)) == 0) {
        return true;
    }
    atomic_store(sequence, before);
    writer->hidden = true;
    return false;
}

int ec_writer_claim(ec_writer* writer) {
    uint64_t candidates = all_slots(writer) & ~(writer->claimed | ec_writer_leased(writer));
    while (candidates != 0) {
        int slot = oldest_of(writer, candidates);
        if (vacate(writer, slot)) {
            writer->claimed |= BIT(slot);
            return slot;
        }
        candidates &= ~BIT(slot);
    }
    writer->sequence++;
    atomic_fetch_add(&writer->stream->dropped, 1);
    return EC_NO_SLOT;
}

static bool is_claimed(const ec_writer* writer, int slot) {
    return slot >= 0 && slot < (int)EC_SLOTS_MAX && (writer->claimed & BIT(slot)) != 0;
}

bool ec_writer_publish(ec_writer* writer, int slot, const ec_picture* picture) {
    ec_stream* stream = writer->stream;
    if (!is_claimed(writer, slot) || !ec_picture_fits(picture, stream->slot_bytes)) {
        return false;
    }
    uint64_t sequence = ++writer->sequence;
    writer->claimed &= ~BIT(slot);
    stream->slot[slot].picture = *picture;
    atomic_store(&stream->slot[slot].sequence, sequence);
    atomic_store(&stream->newest, EC_NEWEST(sequence, (uint64_t)slot));
    return true;
}

void ec_writer_abandon(ec_writer* writer, int slot) {
    if (is_claimed(writer, slot)) {
        writer->claimed &= ~BIT(slot);
    }
}
