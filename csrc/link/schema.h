#ifndef EC_LINK_SCHEMA_H
#define EC_LINK_SCHEMA_H

/* What may be said on the link. messages.inc is the only source: it yields the structs, the asserts
 * on their layout and the table that the device serves and the host builds its dtypes from.
 *
 * A firmware with messages of its own defines EC_MESSAGES_INC as its file, on the command line of
 * everything that it compiles; all below is then made from that file. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef EC_MESSAGES_INC
#    define EC_MESSAGES_INC "link/messages.inc"
#endif

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#    error "records are copied as they lie in memory: a little-endian target is needed"
#endif

#define EC_PACKED __attribute__((packed))
#define EC_ASSERT(name, condition) typedef char ec_assert_##name[(condition) ? 1 : -1]

/* Strict priority, lowest first out. */
enum {
    EC_CHANNEL_CONTROL,
    EC_CHANNEL_COMMAND,
    EC_CHANNEL_TELEMETRY,
    EC_CHANNEL_LOG,
    EC_CHANNEL_BULK,
    EC_CHANNELS
};

typedef uint8_t ec_u8;
typedef int8_t ec_i8;
typedef uint16_t ec_u16;
typedef int16_t ec_i16;
typedef uint32_t ec_u32;
typedef int32_t ec_i32;
typedef uint64_t ec_u64;
typedef int64_t ec_i64;
typedef float ec_f32;
typedef double ec_f64;
typedef char ec_c8;

/* Field type codes of the served table: size in the low nibble, family in the high one. */
enum {
    EC_CODE_u8 = 0x01,
    EC_CODE_u16 = 0x02,
    EC_CODE_u32 = 0x04,
    EC_CODE_u64 = 0x08,
    EC_CODE_i8 = 0x11,
    EC_CODE_i16 = 0x12,
    EC_CODE_i32 = 0x14,
    EC_CODE_i64 = 0x18,
    EC_CODE_f32 = 0x24,
    EC_CODE_f64 = 0x28,
    EC_CODE_c8 = 0x31
};

/* In most passes over the list an optional field is like any other. */
#define EC_OPTIONAL(name, type, field, unit, scale, low, high, absent)                             \
    EC_FIELD(name, type, field, unit, scale, low, high)
#define EC_OPTIONAL_ARRAY(name, type, field, count, unit) EC_ARRAY(name, type, field, count, unit)

/* struct ec_<name> and its short name ec_<name>. */
#define EC_MESSAGE(name, NAME, text, channel, type) typedef struct EC_PACKED ec_##name {
#define EC_FIELD(name, type, field, unit, scale, low, high) ec_##type field;
#define EC_ARRAY(name, type, field, count, unit) ec_##type field[count];
#define EC_MESSAGE_END(name)                                                                       \
    }                                                                                              \
    ec_##name;
#include EC_MESSAGES_INC
#undef EC_MESSAGE
#undef EC_FIELD
#undef EC_ARRAY
#undef EC_MESSAGE_END

/* EC_TYPE_<NAME> */
#define EC_MESSAGE(name, NAME, text, channel, type) EC_TYPE_##NAME = type,
#define EC_FIELD(name, type, field, unit, scale, low, high)
#define EC_ARRAY(name, type, field, count, unit)
#define EC_MESSAGE_END(name)
enum {
#include EC_MESSAGES_INC
    EC_TYPE_LINK = 0xF0, /* this and above belong to the session */
    EC_TYPE_DESCRIBE = EC_TYPE_LINK
};
#undef EC_MESSAGE
#undef EC_FIELD
#undef EC_ARRAY
#undef EC_MESSAGE_END

/* ec_record: room for any one of them. */
#define EC_MESSAGE(name, NAME, text, channel, type) ec_##name name;
#define EC_FIELD(name, type, field, unit, scale, low, high)
#define EC_ARRAY(name, type, field, count, unit)
#define EC_MESSAGE_END(name)
typedef union {
#include EC_MESSAGES_INC
} ec_record;
#undef EC_MESSAGE
#undef EC_FIELD
#undef EC_ARRAY
#undef EC_MESSAGE_END

typedef struct {
    const char *name, *unit;
    const void* absent; /* one element: what a record without the field means; NULL: required */
    float scale;        /* value in `unit` = raw * scale */
    int32_t low, high;
    uint16_t offset, count; /* bytes from the record's start; elements, 1 unless an array */
    uint8_t code;
} ec_field_info;

typedef struct {
    const char* name;
    const ec_field_info* fields;
    uint16_t size;
    uint8_t field_count, channel, type;
} ec_message_info;

typedef struct {
    const ec_message_info* messages;
    uint8_t count;
    /* Not NULL: the served form as another device gave it, to be served in place of `messages`. */
    const uint8_t* served;
    uint16_t served_bytes;
} ec_schema;

/* The table made from EC_MESSAGES_INC. */
extern const ec_schema ec_messages;

/* The message of this type, or NULL. */
const ec_message_info* ec_schema_find(const ec_schema* schema, uint8_t type);

/* The served form of the table is a byte string (docs/protocol.md, "Descriptors"), made on the fly
 * so that it costs no memory. ec_schema_read copies its bytes [offset, offset + capacity) to `out`
 * and returns how many there were; ec_schema_hash is the CRC-32C of all of it. */
size_t ec_schema_bytes(const ec_schema* schema);
size_t ec_schema_read(const ec_schema* schema, size_t offset, uint8_t* out, size_t capacity);
uint32_t ec_schema_hash(const ec_schema* schema);

/* Makes a whole record of message->size bytes out of body[0..length), which may come from an older
 * or a newer side: what is longer is cut, an optional field that is not wholly there gets its
 * declared value. Returns false, with nothing of use in `record`, when a required field is not
 * wholly there or an integer lies outside its declared bounds. `record` does not overlap `body`. */
bool ec_record_read(const ec_message_info* message, void* record, const uint8_t* body,
                    size_t length);

#endif
