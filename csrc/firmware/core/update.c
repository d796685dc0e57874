#include "firmware/core/update.h"

#include <string.h>

#define PROGRAM_BYTES 256u /* a multiple of every unit */
#define HASH_BYTES 512u
/* Time for the RESULT to leave before the reset. */
#define RESET_AFTER_US 100000u
/* A verdict on a signature is asked for so often, and for so long: less than a host waits for
 * progress, so that it hears why there is none. */
#define VERDICT_LOOK_US 2000u
#define VERDICT_WAIT_US 20000000u

static const ec_flash* flash_of(const ec_update* u) {
    return u->hal->flash;
}

static void* port_of(const ec_update* u) {
    return u->hal->port;
}

static void trace(const ec_update* u, uint64_t now_us, ec_trace_kind kind, uint32_t b, uint32_t c) {
    ec_trace entry = {now_us, u->manifest.version, b, c, kind};
    u->hal->trace(port_of(u), &entry);
}

static void enter(ec_update* u, ec_update_phase phase, ec_bulk_status status) {
    u->phase = (uint8_t)phase;
    u->status = (uint8_t)status;
    u->report_due = true;
}

static void fail(ec_update* u, ec_bulk_status reason) {
    enter(u, EC_UPDATE_ENDED, reason);
}

void ec_update_init(ec_update* u, const ec_hal* hal, ec_logger* log, uint64_t now_us) {
    memset(u, 0, sizeof *u);
    u->hal = hal;
    u->log = log;
    u->reset_us = UINT64_MAX;
    ec_receiver_init(&u->receiver, u->window, sizeof u->window);
    if (hal->flash != NULL)
        ec_boot_read(hal->flash, hal->port, &u->boot);
    if (u->boot.state == EC_BOOT_TRIAL)
        EC_LOG_INFO(log, now_us, "update: slot %u runs on trial", ec_boot_running(&u->boot));
    else if (u->boot.state == EC_BOOT_REVERTED)
        EC_LOG_WARNING(log, now_us, "update: slot %u was tried and never confirmed",
                       ec_boot_other(&u->boot));
}

/* What the signature makes of the offer, as `judge` answers. */
static ec_bulk_status judge_signature(const ec_update* u, uint64_t now_us) {
    ec_signature verdict =
        flash_of(u)->verify(port_of(u), u->offered, EC_MANIFEST_SIGNED, u->manifest.signature);
    switch (verdict) {
    case EC_SIGNATURE_LATER:
        return now_us - u->offered_us < VERDICT_WAIT_US ? EC_BULK_VERIFYING : EC_BULK_NO_VERIFIER;
    case EC_SIGNATURE_GOOD:
        return EC_BULK_RECEIVING;
    default:
        return EC_BULK_BAD_SIGNATURE;
    }
}

/* Why the offered image is not taken, EC_BULK_VERIFYING while that is not known, or
 * EC_BULK_RECEIVING. */
static ec_bulk_status judge(const ec_update* u, uint64_t now_us) {
    const ec_manifest* manifest = &u->manifest;
    const ec_flash* flash = flash_of(u);
    if (!ec_manifest_named(manifest, EC_UPDATE_NAME))
        return EC_BULK_UNKNOWN_NAME;
    if (flash == NULL)
        return EC_BULK_NO_STORAGE;
    if (flash->verify == NULL)
        return EC_BULK_NO_VERIFIER;
    ec_bulk_status signature = judge_signature(u, now_us);
    if (signature != EC_BULK_RECEIVING)
        return signature;
    if (manifest->version < u->boot.floor)
        return EC_BULK_ROLLBACK;
    if (manifest->length > ec_slot_capacity(flash))
        return EC_BULK_TOO_LONG;
    if (u->boot.state == EC_BOOT_PENDING || u->boot.state == EC_BOOT_TRIAL)
        return EC_BULK_UNCONFIRMED;
    return EC_BULK_RECEIVING;
}

static bool holds_offered(const ec_update* u, uint8_t slot) {
    ec_manifest manifest;
    uint8_t bytes[EC_MANIFEST_BYTES];
    return flash_of(u) != NULL &&
           ec_slot_manifest(flash_of(u), port_of(u), slot, &manifest, bytes) &&
           memcmp(bytes, u->offered, sizeof bytes) == 0;
}

static void start_hashing(ec_update* u) {
    ec_sha256_init(&u->hash);
    u->hashed = 0;
    enter(u, EC_UPDATE_HASHING, EC_BULK_VERIFYING);
}

/* Goes on with what the slot holds of this image, or opens it for a new one. */
static void open_slot(ec_update* u) {
    uint32_t stored = 0;
    u->slot = ec_boot_other(&u->boot);
    u->sector_open = false;
    if (holds_offered(u, u->slot)) {
        stored = ec_slot_stored(flash_of(u), port_of(u), u->slot, u->manifest.length);
        enter(u, EC_UPDATE_STORING, EC_BULK_RECEIVING);
    } else {
        enter(u, EC_UPDATE_ERASING, EC_BULK_RECEIVING);
    }
    ec_receiver_begin(&u->receiver, u->receiver.transfer, u->manifest.length, stored);
    if (ec_receiver_complete(&u->receiver))
        start_hashing(u);
}

/* Takes the offered image or refuses it, once it is known which. */
static void decide(ec_update* u, uint64_t now_us) {
    ec_bulk_status verdict = judge(u, now_us);
    if (verdict == EC_BULK_VERIFYING)
        return;
    bool runs = holds_offered(u, ec_boot_running(&u->boot));
    if (runs && (verdict == EC_BULK_RECEIVING || verdict == EC_BULK_UNCONFIRMED))
        enter(u, EC_UPDATE_ENDED, EC_BULK_ACTIVE);
    else if (verdict != EC_BULK_RECEIVING)
        fail(u, verdict);
    else
        open_slot(u);
    trace(u, now_us, EC_TRACE_OFFERED, u->status, u->receiver.stored);
    if (u->status < EC_BULK_BAD_MANIFEST)
        EC_LOG_INFO(u->log, now_us, "update: version %u offered, %u of %u bytes are here",
                    u->manifest.version, u->receiver.stored, u->manifest.length);
    else
        EC_LOG_WARNING(u->log, now_us, "update: version %u refused, status %u", u->manifest.version,
                       u->status);
}

static void take_offer(ec_update* u, uint64_t now_us, const uint8_t* body, size_t length) {
    uint16_t transfer = (uint16_t)(body[0] | body[1] << 8);
    const uint8_t* offered = body + 4;
    u->report_due = true;
    if (length < EC_BULK_OFFER_BYTES || !ec_manifest_read(&u->manifest, offered)) {
        ec_receiver_begin(&u->receiver, transfer, 0, 0);
        fail(u, EC_BULK_BAD_MANIFEST);
        return;
    }
    bool same = u->phase != EC_UPDATE_IDLE && memcmp(offered, u->offered, sizeof u->offered) == 0;
    if (same && transfer == u->receiver.transfer)
        return;
    if (same && u->phase != EC_UPDATE_ENDED) { /* another sender goes on with it */
        uint32_t length = u->phase == EC_UPDATE_JUDGING ? 0 : u->manifest.length;
        ec_receiver_begin(&u->receiver, transfer, length, u->receiver.stored);
        return;
    }
    memcpy(u->offered, offered, sizeof u->offered);
    u->offered_us = now_us;
    ec_receiver_begin(&u->receiver, transfer, 0, 0);
    enter(u, EC_UPDATE_JUDGING, EC_BULK_RECEIVING);
    decide(u, now_us);
}

void ec_update_data(ec_update* u, uint64_t now_us, const ec_event* event) {
    if (event->length < 4)
        return;
    if (event->type == EC_BULK_OFFER) {
        take_offer(u, now_us, event->body, event->length);
        ec_receiver_saw(&u->receiver, (uint16_t)(event->body[2] | event->body[3] << 8));
    } else if (event->type == EC_BULK_FRAGMENT) {
        u->report_due |= ec_receiver_fragment(&u->receiver, event->body, event->length);
    }
}

static uint8_t state_of(const ec_update* u, uint8_t* answer, size_t* length) {
    const ec_flash* flash = flash_of(u);
    uint8_t running = ec_boot_running(&u->boot);
    ec_manifest manifest;
    if (!ec_slot_manifest(flash, port_of(u), running, &manifest, NULL))
        memset(&manifest, 0, sizeof manifest);
    const uint32_t numbers[3] = {manifest.version, u->boot.floor, ec_slot_capacity(flash)};
    answer[0] = u->boot.state;
    answer[1] = running;
    answer[2] = flash->verify != NULL;
    answer[3] = 0;
    memcpy(answer + 4, numbers, sizeof numbers);
    memcpy(answer + 16, manifest.digest, sizeof manifest.digest);
    *length = EC_UPDATE_STATE_BYTES;
    return EC_STATUS_DONE;
}

static uint8_t change(ec_update* u, const ec_boot* next) {
    ec_boot boot = *next;
    if (!ec_boot_write(flash_of(u), port_of(u), &boot))
        return EC_STATUS_BUSY;
    u->boot = boot;
    return EC_STATUS_DONE;
}

static uint8_t activate(ec_update* u, uint64_t now_us, uint16_t transfer) {
    ec_boot next = u->boot;
    if (u->phase != EC_UPDATE_STORED || transfer != u->receiver.transfer)
        return EC_STATUS_BUSY;
    next.state = EC_BOOT_PENDING;
    uint8_t status = change(u, &next);
    if (status == EC_STATUS_DONE) {
        u->phase = EC_UPDATE_ENDED;
        u->reset_us = now_us + RESET_AFTER_US;
        trace(u, now_us, EC_TRACE_ACTIVATED, 0, 0);
        EC_LOG_INFO(u->log, now_us, "update: version %u is tried after a reset",
                    u->manifest.version);
    }
    return status;
}

static uint8_t confirm(ec_update* u, uint64_t now_us, uint32_t version) {
    ec_manifest manifest;
    uint8_t running = ec_boot_running(&u->boot);
    ec_boot next = u->boot;
    if (!ec_slot_manifest(flash_of(u), port_of(u), running, &manifest, NULL) ||
        manifest.version != version)
        return EC_STATUS_BAD_ARGUMENT;
    if (u->boot.state != EC_BOOT_TRIAL) /* confirmed before, or the trial is over */
        return u->boot.state == EC_BOOT_CONFIRMED ? EC_STATUS_DONE : EC_STATUS_BUSY;
    next.state = EC_BOOT_CONFIRMED;
    next.active = running;
    next.floor = version > next.floor ? version : next.floor;
    uint8_t status = change(u, &next);
    if (status == EC_STATUS_DONE) {
        u->manifest = manifest;
        trace(u, now_us, EC_TRACE_CONFIRMED, 0, 0);
        EC_LOG_INFO(u->log, now_us, "update: version %u is confirmed", version);
    }
    return status;
}

uint8_t ec_update_execute(ec_update* u, uint64_t now_us, const ec_event* event, uint8_t* answer,
                          size_t* length) {
    uint32_t argument = 0;
    *length = 0;
    if (flash_of(u) == NULL)
        return EC_STATUS_UNKNOWN_TYPE;
    if (event->type == EC_UPDATE_STATE)
        return state_of(u, answer, length);
    size_t wanted = event->type == EC_UPDATE_ACTIVATE ? sizeof(uint16_t) : sizeof argument;
    if (event->type != EC_UPDATE_ACTIVATE && event->type != EC_UPDATE_CONFIRM)
        return EC_STATUS_UNKNOWN_TYPE;
    if (event->length < wanted)
        return EC_STATUS_BAD_ARGUMENT;
    memcpy(&argument, event->body, wanted);
    return event->type == EC_UPDATE_ACTIVATE ? activate(u, now_us, (uint16_t)argument)
                                             : confirm(u, now_us, argument);
}

/* One operation: the sector is erased, or bytes are programmed, with the sector's mark when whole.
 */
static void store(ec_update* u) {
    const ec_flash* flash = flash_of(u);
    const uint8_t* data;
    uint8_t units[PROGRAM_BYTES];
    uint32_t stored = u->receiver.stored, sector = stored / flash->sector_bytes;
    uint32_t address = ec_slot_image(flash, u->slot) + stored;
    uint32_t left = flash->sector_bytes - stored % flash->sector_bytes;
    size_t length = ec_receiver_ready(&u->receiver, &data);
    if (length == 0)
        return;
    if (!u->sector_open) {
        u->sector_open = flash->erase(port_of(u), address - stored % flash->sector_bytes);
        if (!u->sector_open)
            fail(u, EC_BULK_STORAGE_FAILED);
        return;
    }
    length = length < left ? length : left;
    length = length < PROGRAM_BYTES ? length : PROGRAM_BYTES;
    memset(units, 0xFF, sizeof units);
    memcpy(units, data, length);
    size_t whole = (length + flash->unit_bytes - 1u) / flash->unit_bytes * flash->unit_bytes;
    if (!flash->program(port_of(u), address, units, whole)) {
        fail(u, EC_BULK_STORAGE_FAILED);
        return;
    }
    ec_receiver_stored(&u->receiver, length);
    u->report_due = true;
    bool complete = ec_receiver_complete(&u->receiver);
    if (length == left || complete) {
        u->sector_open = false;
        if (!ec_slot_mark(flash, port_of(u), u->slot, sector)) {
            fail(u, EC_BULK_STORAGE_FAILED);
            return;
        }
    }
    if (complete)
        start_hashing(u);
}

static void hash(ec_update* u, uint64_t now_us) {
    const ec_flash* flash = flash_of(u);
    uint8_t piece[HASH_BYTES], digest[EC_SHA256_BYTES];
    uint32_t left = u->manifest.length - u->hashed;
    uint32_t length = left < HASH_BYTES ? left : HASH_BYTES;
    if (!flash->read(port_of(u), ec_slot_image(flash, u->slot) + u->hashed, piece, length)) {
        fail(u, EC_BULK_STORAGE_FAILED);
        return;
    }
    ec_sha256_update(&u->hash, piece, length);
    u->hashed += length;
    if (u->hashed < u->manifest.length)
        return;
    ec_sha256_final(&u->hash, digest);
    if (memcmp(digest, u->manifest.digest, sizeof digest) == 0) {
        enter(u, EC_UPDATE_STORED, EC_BULK_DONE);
    } else { /* begin anew next time */
        (void)ec_slot_erase(flash, port_of(u), u->slot);
        fail(u, EC_BULK_BAD_DIGEST);
    }
    trace(u, now_us, EC_TRACE_STORED, u->status, 0);
    if (u->status == EC_BULK_DONE)
        EC_LOG_INFO(u->log, now_us, "update: version %u is stored and whole", u->manifest.version);
    else
        EC_LOG_ERROR(u->log, now_us, "update: version %u is not what its manifest says",
                     u->manifest.version);
}

static void work(ec_update* u, uint64_t now_us) {
    switch (u->phase) {
    case EC_UPDATE_JUDGING:
        decide(u, now_us);
        break;
    case EC_UPDATE_ERASING:
        if (ec_slot_erase(flash_of(u), port_of(u), u->slot))
            u->phase = EC_UPDATE_LABELLING;
        else
            fail(u, EC_BULK_STORAGE_FAILED);
        break;
    case EC_UPDATE_LABELLING:
        if (ec_slot_label(flash_of(u), port_of(u), u->slot, u->offered))
            u->phase = EC_UPDATE_STORING;
        else
            fail(u, EC_BULK_STORAGE_FAILED);
        break;
    case EC_UPDATE_STORING:
        store(u);
        break;
    case EC_UPDATE_HASHING:
        hash(u, now_us);
        break;
    default:
        break;
    }
}

static bool has_work(const ec_update* u) {
    const uint8_t* data;
    return u->phase == EC_UPDATE_ERASING || u->phase == EC_UPDATE_LABELLING ||
           u->phase == EC_UPDATE_HASHING ||
           (u->phase == EC_UPDATE_STORING && ec_receiver_ready(&u->receiver, &data) != 0);
}

/* There is nothing to say before the verdict. While it stores, one report for half a window is
 * enough to keep the sender going. */
static bool wants_report(const ec_update* u) {
    if (u->phase == EC_UPDATE_JUDGING)
        return false;
    return u->report_due && (u->phase != EC_UPDATE_STORING || !has_work(u) ||
                             u->receiver.stored - u->reported >= sizeof u->window / 2u);
}

static void report(ec_update* u, ec_session* session) {
    uint8_t body[EC_BULK_REPORT_MAX];
    size_t length = ec_receiver_report(&u->receiver, u->status, body);
    (void)ec_session_publish(session, EC_CHANNEL_BULK, EC_BULK_REPORT, body, length);
    u->reported = u->receiver.stored;
    u->report_due = false; /* one that is lost is asked for again */
}

uint64_t ec_update_step(ec_update* u, ec_session* session, uint64_t now_us) {
    work(u, now_us);
    if (wants_report(u))
        report(u, session);
    if (now_us >= u->reset_us) {
        u->reset_us = UINT64_MAX;
        u->hal->flash->reset(port_of(u));
    }
    if (u->phase == EC_UPDATE_JUDGING)
        return now_us + VERDICT_LOOK_US;
    return has_work(u) ? now_us : u->reset_us;
}
