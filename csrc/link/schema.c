#include "link/schema.h"

#include "link/crc32c.h"

#include <string.h>

/* Natural alignment: each field's offset is a multiple of its size, and fields touch. */
#define EC_MESSAGE(name, NAME, text, channel, type)                                                \
    EC_ASSERT(name##_channel, (channel) > EC_CHANNEL_CONTROL && (channel) < EC_CHANNELS);          \
    EC_ASSERT(name##_type, (type) > 0 && (type) < EC_TYPE_LINK);
#define EC_FIELD(name, type, field, unit, scale, low, high)                                        \
    EC_ASSERT(name##_##field, offsetof(ec_##name, field) % sizeof(ec_##type) == 0);
#define EC_ARRAY(name, type, field, count, unit) EC_FIELD(name, type, field, unit, 1, 0, 0)
#define EC_MESSAGE_END(name) EC_ASSERT(name##_size, sizeof(ec_##name) <= 500);
#include EC_MESSAGES_INC
#undef EC_MESSAGE
#undef EC_FIELD
#undef EC_ARRAY
#undef EC_MESSAGE_END

EC_ASSERT(sizes, sizeof(ec_f32) == 4 && sizeof(ec_f64) == 8);

#undef EC_OPTIONAL
#undef EC_OPTIONAL_ARRAY

/* Optional fields come last: without them the others lie where they lay. The byte before keeps a
 * message of optional fields alone from being an empty struct. */
#define EC_MESSAGE(name, NAME, text, channel, type)                                                \
    typedef struct EC_PACKED {                                                                     \
        ec_u8 before;
#define EC_FIELD(name, type, field, unit, scale, low, high) ec_##type field;
#define EC_ARRAY(name, type, field, count, unit) ec_##type field[count];
#define EC_OPTIONAL(name, type, field, unit, scale, low, high, absent)
#define EC_OPTIONAL_ARRAY(name, type, field, count, unit)
#define EC_MESSAGE_END(name)                                                                       \
    }                                                                                              \
    name##_required;
#include EC_MESSAGES_INC
#undef EC_MESSAGE
#undef EC_FIELD
#undef EC_ARRAY
#undef EC_OPTIONAL
#undef EC_OPTIONAL_ARRAY
#undef EC_MESSAGE_END

/* What a record without an optional field means. */
#define EC_MESSAGE(name, NAME, text, channel, type)
#define EC_FIELD(name, type, field, unit, scale, low, high)                                        \
    EC_ASSERT(name##_##field##_is_not_after_optional,                                              \
              offsetof(name##_required, field) == offsetof(ec_##name, field) + 1u);
#define EC_ARRAY(name, type, field, count, unit) EC_FIELD(name, type, field, unit, 1, 0, 0)
#define EC_OPTIONAL(name, type, field, unit, scale, low, high, absent)                             \
    EC_ASSERT(name##_##field##_absent_is_in_bounds,                                                \
              (low) >= (high) || ((int64_t)(absent) >= (low) && (int64_t)(absent) <= (high)));     \
    static const ec_##type name##_##field##_absent = (ec_##type)(absent);
#define EC_OPTIONAL_ARRAY(name, type, field, count, unit)                                          \
    static const ec_##type name##_##field##_absent = 0;
#define EC_MESSAGE_END(name)
#include EC_MESSAGES_INC
#undef EC_MESSAGE
#undef EC_FIELD
#undef EC_ARRAY
#undef EC_OPTIONAL
#undef EC_OPTIONAL_ARRAY
#undef EC_MESSAGE_END

#define EC_MESSAGE(name, NAME, text, channel, type) static const ec_field_info name##_fields[] = {
#define EC_ROW(name, type, field, count, unit, scale, low, high, absent)                           \
    {                                                                                              \
        #field,                                                                                    \
        unit,                                                                                      \
        absent,                                                                                    \
        (float)(scale),                                                                            \
        low,                                                                                       \
        high,                                                                                      \
        (uint16_t)offsetof(ec_##name, field),                                                      \
        count,                                                                                     \
        EC_CODE_##type},
#define EC_FIELD(name, type, field, unit, scale, low, high)                                        \
    EC_ROW(name, type, field, 1, unit, scale, low, high, NULL)
#define EC_ARRAY(name, type, field, count, unit)                                                   \
    EC_ROW(name, type, field, count, unit, 1, 0, 0, NULL)
#define EC_OPTIONAL(name, type, field, unit, scale, low, high, absent)                             \
    EC_ROW(name, type, field, 1, unit, scale, low, high, &name##_##field##_absent)
#define EC_OPTIONAL_ARRAY(name, type, field, count, unit)                                          \
    EC_ROW(name, type, field, count, unit, 1, 0, 0, &name##_##field##_absent)
#define EC_MESSAGE_END(name)                                                                       \
    }                                                                                              \
    ;
#include EC_MESSAGES_INC
#undef EC_MESSAGE
#undef EC_ROW
#undef EC_FIELD
#undef EC_ARRAY
#undef EC_OPTIONAL
#undef EC_OPTIONAL_ARRAY
#undef EC_MESSAGE_END

#define EC_MESSAGE(name, NAME, text, channel, type)                                                \
    {text,                                                                                         \
     name##_fields,                                                                                \
     (uint16_t)sizeof(ec_##name),                                                                  \
     (uint8_t)(sizeof name##_fields / sizeof name##_fields[0]),                                    \
     channel,                                                                                      \
     type},
#define EC_FIELD(name, type, field, unit, scale, low, high)
#define EC_ARRAY(name, type, field, count, unit)
#define EC_OPTIONAL(name, type, field, unit, scale, low, high, absent)
#define EC_OPTIONAL_ARRAY(name, type, field, count, unit)
#define EC_MESSAGE_END(name)
static const ec_message_info messages[] = {
#include EC_MESSAGES_INC
};
#undef EC_MESSAGE
#undef EC_FIELD
#undef EC_ARRAY
#undef EC_MESSAGE_END

const ec_schema ec_messages = {messages, (uint8_t)(sizeof messages / sizeof messages[0]), NULL, 0};

const ec_message_info* ec_schema_find(const ec_schema* schema, uint8_t type) {
    for (uint8_t i = 0; i < schema->count; i++) {
        if (schema->messages[i].type == type) {
            return &schema->messages[i];
        }
    }
    return NULL;
}

/* Bit of a served code: the bytes of the absent value follow the bounds. */
#define OPTIONAL 0x80u

static uint8_t element_bytes(const ec_field_info* field) {
    return field->code & 15u;
}

/* The served table passes byte by byte through here; what is inside the window is kept. */
typedef struct {
    size_t at, offset, capacity, kept;
    uint8_t* out;
    uint32_t crc;
} writer;

static void put(writer* w, const void* bytes, size_t length) {
    const uint8_t* from = bytes;
    w->crc = ec_crc32c(w->crc, from, length);
    for (size_t i = 0; i < length; i++, w->at++) {
        if (w->at >= w->offset && w->kept < w->capacity) {
            w->out[w->kept++] = from[i];
        }
    }
}

static void put_text(writer* w, const char* text) {
    put(w, text, strlen(text) + 1);
}

static void put_table(writer* w, const ec_schema* schema) {
    if (schema->served != NULL) {
        put(w, schema->served, schema->served_bytes);
        return;
    }
    put(w, &schema->count, 1);
    for (uint8_t m = 0; m < schema->count; m++) {
        const ec_message_info* message = &schema->messages[m];
        const uint8_t head[3] = {message->type, message->channel, message->field_count};
        put(w, head, sizeof head);
        put(w, &message->size, sizeof message->size);
        put_text(w, message->name);
        for (uint8_t f = 0; f < message->field_count; f++) {
            const ec_field_info* field = &message->fields[f];
            uint8_t code = field->code | (field->absent != NULL ? OPTIONAL : 0u);
            put(w, &code, 1);
            put(w, &field->offset, sizeof field->offset);
            put(w, &field->count, sizeof field->count);
            put(w, &field->scale, sizeof field->scale);
            put(w, &field->low, sizeof field->low);
            put(w, &field->high, sizeof field->high);
            if (field->absent != NULL) {
                put(w, field->absent, element_bytes(field));
            }
            put_text(w, field->name);
            put_text(w, field->unit);
        }
    }
}

size_t ec_schema_bytes(const ec_schema* schema) {
    writer w = {0};
    put_table(&w, schema);
    return w.at;
}

size_t ec_schema_read(const ec_schema* schema, size_t offset, uint8_t* out, size_t capacity) {
    writer w = {0};
    w.offset = offset;
    w.capacity = capacity;
    w.out = out;
    put_table(&w, schema);
    return w.kept;
}

uint32_t ec_schema_hash(const ec_schema* schema) {
    writer w = {0};
    put_table(&w, schema);
    return w.crc;
}

/* The raw value of an integer of `size` bytes, sign-extended when `is_signed`. */
static int64_t read_integer(const uint8_t* bytes, uint8_t size, bool is_signed) {
    uint64_t value = 0;
    for (uint8_t i = 0; i < size; i++) {
        value |= (uint64_t)bytes[i] << (8u * i);
    }
    if (is_signed && size < 8 && (value >> (8u * size - 1u)) != 0) {
        return (int64_t)value - ((int64_t)1 << (8u * size));
    }
    return (int64_t)value;
}

static bool within_bounds(const ec_field_info* field, const uint8_t* bytes) {
    uint8_t family = field->code >> 4;
    if (field->low >= field->high || family > 1) {
        return true;
    }
    int64_t value = read_integer(bytes, element_bytes(field), family == 1);
    return value >= field->low && value <= field->high;
}

bool ec_record_read(const ec_message_info* message, void* record, const uint8_t* body,
                    size_t length) {
    for (uint8_t f = 0; f < message->field_count; f++) {
        const ec_field_info* field = &message->fields[f];
        uint8_t* to = (uint8_t*)record + field->offset;
        size_t element = element_bytes(field);
        if (field->offset + element * field->count <= length) {
            memcpy(to, body + field->offset, element * field->count);
        } else if (field->absent != NULL) {
            for (uint16_t i = 0; i < field->count; i++) {
                memcpy(to + i * element, field->absent, element);
            }
        } else {
            return false;
        }
        if (!within_bounds(field, to)) {
            return false;
        }
    }
    return true;
}
