#include "link/cobs.h"

#include <string.h>

void ec_cobs_begin(ec_cobs_writer* writer, uint8_t* out) {
    writer->out = out;
    writer->code_at = 0;
    writer->at = 1;
    writer->code = 1;
}

static void close_block(ec_cobs_writer* writer) {
    writer->out[writer->code_at] = writer->code;
    writer->code_at = writer->at++;
    writer->code = 1;
}

#ifdef EC_BYTEWISE

void ec_cobs_put(ec_cobs_writer* writer, const uint8_t* source, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (writer->code == 0xFF) { /* full; only now is it known that more follows */
            close_block(writer);
        }
        if (source[i] != 0) {
            writer->out[writer->at++] = source[i];
            writer->code++;
        } else {
            close_block(writer);
        }
    }
}

#else

void ec_cobs_put(ec_cobs_writer* writer, const uint8_t* source, size_t length) {
    while (length != 0) {
        if (writer->code == 0xFF) { /* full; only now is it known that more follows */
            close_block(writer);
        }
        size_t room = 0xFFu - writer->code;
        room = length < room ? length : room;
        const uint8_t* zero = memchr(source, 0, room);
        size_t run = zero != NULL ? (size_t)(zero - source) : room;
        memcpy(writer->out + writer->at, source, run);
        writer->at += run;
        writer->code = (uint8_t)(writer->code + run);
        if (zero != NULL) {
            close_block(writer);
            run++;
        }
        source += run;
        length -= run;
    }
}

size_t ec_cobs_read(ec_cobs_reader* reader, const uint8_t* data, size_t length, uint8_t* out) {
    size_t from = 0, to = 0;
    while (from < length) {
        if (reader->remaining == 0) {
            /* The block before stands for a zero too, unless it was full or there was none. */
            if (reader->code != 0 && reader->code != 0xFF) {
                uint8_t code = data[from]; /* `out` may be `data` */
                out[to++] = 0;
                reader->code = code;
            } else {
                reader->code = data[from];
            }
            from++;
            reader->remaining = (uint8_t)(reader->code - 1);
            continue;
        }
        size_t left = length - from;
        size_t run = left < reader->remaining ? left : reader->remaining;
        memmove(out + to, data + from, run);
        from += run;
        to += run;
        reader->remaining = (uint8_t)(reader->remaining - run);
    }
    return to;
}

#endif

size_t ec_cobs_end(ec_cobs_writer* writer) {
    writer->out[writer->code_at] = writer->code;
    return writer->at;
}
