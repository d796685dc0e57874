#ifndef EC_FRAMES_BELL_H
#define EC_FRAMES_BELL_H

/* Wakes one reader. The word lies in the reader's own page and is a futex:
 *
 *     reader: says how it wants to be woken -> looks for news once more -> sleeps
 *     writer: publishes                     -> swaps the word for AWAKE -> wakes, if it was not
 *
 * so whoever comes second sees what the first one did. A reader that is awake costs the writer no
 * system call, and one that fills its page with rubbish disturbs no other reader. */

#include <stdatomic.h>
#include <stdint.h>

enum {
    EC_BELL_AWAKE = 0,
    EC_BELL_ASLEEP = 1, /* in ec_bell_wait */
    EC_BELL_NOTE = 2,   /* wants a message by its socket, for an event loop */
};

/* Sleeps while the word is EC_BELL_ASLEEP, for at most `timeout_us`; may return early. */
void ec_bell_wait(_Atomic uint32_t* bell, uint64_t timeout_us);

/* Silences the bell and says how it was set. A sleeper is woken. */
uint32_t ec_bell_ring(_Atomic uint32_t* bell);

#endif
