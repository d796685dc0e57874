#ifndef EC_LINK_COMMAND_H
#define EC_LINK_COMMAND_H

/* Commands by table: a firmware lists its handlers, and they see whole and valid records only.
 *
 *     static uint8_t set_pump(void* context, uint64_t now_us, const void* record) {
 *         const ec_set_pump* command = record;
 *         ...
 *         return EC_STATUS_DONE;
 *     }
 *     static const ec_command commands[] = {{EC_TYPE_SET_PUMP, set_pump}};
 *
 *     case EC_EVENT_REQUEST:
 *         status = ec_command_execute(commands, 1, context, now_us, event.type, event.body,
 *                                     event.length);
 *         ec_session_result(session, event.handle, status, NULL, 0);
 *
 * The session has already made sure that each runs once and in time. */

#include "link/session.h"

typedef struct {
    uint8_t type; /* EC_TYPE_<NAME> */
    /* Does what the ec_<name> in `record` asks and returns the status of its RESULT. */
    uint8_t (*execute)(void* context, uint64_t now_us, const void* record);
} ec_command;

/* The answer to a command whose field `stamped` is 1, docs/protocol.md, "Stamps". */
typedef struct {
    uint64_t received_us; /* its last byte had come */
    uint64_t actuated_us; /* the outputs were as it asks */
} ec_stamps;

/* Executes the command of this type, whose record may come from an older or a newer host, and
 * returns the status of its RESULT: the handler's; EC_STATUS_BAD_ARGUMENT when the record lacks a
 * required field or breaks its bounds; EC_STATUS_UNKNOWN_TYPE when no handler has the type, or no
 * command in EC_MESSAGES_INC. */
uint8_t ec_command_execute(const ec_command* commands, size_t count, void* context, uint64_t now_us,
                           uint8_t type, const uint8_t* body, size_t length);

#endif
