/* The frame ring without Python, for ThreadSanitizer and AddressSanitizer: one writer and many
 * readers on one piece of memory, at the same addresses, so that ThreadSanitizer sees every pixel
 * that two of them would touch at once; then producer and consumers over a real socket, with
 * readers that come and go. Every word of a picture is its stamp, before and after a pause; at the
 * end no slot may be leased. */

#include "frames/bell.h"
#include "frames/consumer.h"
#include "frames/producer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS 4u
#define WORDS 512u
#define READERS 5u
#define PICTURES 30000u
#define PASSING_READERS 150u

static atomic_uint torn, taken, failed;

static ec_picture description(uint64_t stamp) {
    ec_picture picture = {.timestamp_ns = (int64_t)stamp,
                          .width = WORDS * 8,
                          .height = 1,
                          .planes = 1,
                          .format = "gray",
                          .color = "bt601-full",
                          .plane = {{.bytes = WORDS * 8, .stride = WORDS * 8}}};
    return picture;
}

static void paint(uint64_t* words, uint64_t stamp) {
    for (uint32_t i = 0; i < WORDS; i++) {
        words[i] = stamp;
    }
}

static void look_twice(const uint64_t* words, const ec_lease* lease, unsigned pause) {
    for (int turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < WORDS; i++) {
            if (words[i] != (uint64_t)lease->picture.timestamp_ns) {
                atomic_fetch_add(&torn, 1);
                return;
            }
        }
        for (unsigned i = 0; turn == 0 && i < pause; i++) {
            sched_yield();
        }
    }
    atomic_fetch_add(&taken, 1);
}

/* -- one piece of memory ---------------------------------------------------------------------- */

static struct {
    _Alignas(64) uint8_t bytes[EC_STREAM_PIXELS + SLOTS * 4096];
} shared;
static ec_page pages[READERS];
static atomic_bool over;

static uint64_t* pixels_of(uint32_t slot) {
    return (uint64_t*)(shared.bytes + EC_STREAM_PIXELS + slot * ec_stream_step(WORDS * 8));
}

static void* read_memory(void* argument) {
    unsigned seed = (unsigned)(size_t)argument;
    ec_reader reader;
    if (!ec_reader_init(&reader, (ec_stream*)shared.bytes, sizeof shared, 0, &pages[seed])) {
        atomic_fetch_add(&failed, 1);
        return NULL;
    }
    while (!atomic_load(&over)) {
        ec_lease lease;
        if (ec_reader_take(&reader, &lease) == EC_TAKEN) {
            look_twice(pixels_of(lease.slot), &lease, (unsigned)rand_r(&seed) % 8);
            ec_reader_release(&reader, lease.slot);
        }
    }
    return NULL;
}

/* What the writer did not claim is as it was: a claim that a reader forestalled is undone. */
static void expect(const ec_writer* writer, const uint64_t* sequences) {
    for (uint32_t i = 0; i < SLOTS; i++) {
        if ((writer->claimed >> i & 1) == 0 &&
            atomic_load(&writer->stream->slot[i].sequence) != sequences[i]) {
            atomic_fetch_add(&failed, 1);
        }
    }
}

static uint64_t write_memory(void) {
    pthread_t threads[READERS];
    ec_writer writer;
    uint64_t published = 0, sequences[SLOTS] = {0};
    ec_writer_init(&writer, (ec_stream*)shared.bytes, SLOTS, WORDS * 8, 0);
    for (uint32_t i = 0; i < READERS; i++) {
        writer.pages[i] = &pages[i];
        pthread_create(&threads[i], NULL, read_memory, (void*)(size_t)i);
    }
    for (uint64_t stamp = 1; stamp <= PICTURES; stamp++) {
        int slot = ec_writer_claim(&writer);
        expect(&writer, sequences);
        if (slot != EC_NO_SLOT) {
            ec_picture picture = description(stamp);
            paint(pixels_of((uint32_t)slot), stamp);
            published += ec_writer_publish(&writer, slot, &picture);
            sequences[slot] = stamp; /* each was published or dropped: they count alike */
        }
        if (stamp % 8 == 0) {
            sched_yield();
        }
    }
    atomic_store(&over, true);
    for (uint32_t i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    if (published + atomic_load(&writer.stream->dropped) != PICTURES ||
        ec_writer_leased(&writer) != 0) {
        atomic_fetch_add(&failed, 1);
    }
    return published;
}

/* Slots that were never claimed, or are none, and descriptions that do not fit. */
static void misuse(void) {
    static const int wrong[] = {-1, 0, (int)SLOTS, (int)EC_SLOTS_MAX, 1 << 30};
    ec_writer writer;
    ec_picture picture = description(1), too_large = picture;
    memset(&shared, 0, sizeof shared);
    ec_writer_init(&writer, (ec_stream*)shared.bytes, SLOTS, WORDS * 8, 0);
    too_large.plane[0].offset = 8;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ec_writer_abandon(&writer, wrong[i]);
        if (ec_writer_publish(&writer, wrong[i], &picture)) {
            atomic_fetch_add(&failed, 1);
        }
    }
    int slot = ec_writer_claim(&writer);
    if (ec_writer_publish(&writer, slot, &too_large) ||
        !ec_writer_publish(&writer, slot, &picture) || ec_writer_publish(&writer, slot, &picture)) {
        atomic_fetch_add(&failed, 1);
    }
}

static _Atomic uint32_t bell;
static atomic_bool woken;

static void* sleep_long(void* argument) {
    (void)argument;
    while (atomic_load(&bell) == EC_BELL_ASLEEP) {
        ec_bell_wait(&bell, UINT64_C(3600000000));
    }
    atomic_store(&woken, true);
    return NULL;
}

/* Whoever sleeps is woken: nothing else would end this sleep within the minute given. */
static void wake(void) {
    pthread_t sleeper;
    atomic_store(&bell, EC_BELL_ASLEEP);
    pthread_create(&sleeper, NULL, sleep_long, NULL);
    usleep(50000); /* for it to be asleep; else it has nothing to be woken from */
    ec_bell_ring(&bell);
    for (int i = 0; i < 6000 && !atomic_load(&woken); i++) {
        usleep(10000);
    }
    if (!atomic_load(&woken)) {
        printf("a sleeper was not woken\n");
        exit(1);
    }
    pthread_join(sleeper, NULL);
}

/* -- over a socket ---------------------------------------------------------------------------- */

static const char* path;
static atomic_uint left; /* readers' threads */

static void read_some(ec_consumer* consumer, unsigned* seed, bool by_poll) {
    for (int left = rand_r(seed) % 20; left > 0; left--) {
        ec_lease lease;
        int number = ec_consumer_take(consumer, &lease);
        if (number == 0) {
            look_twice((const uint64_t*)consumer->pixels[lease.slot], &lease, 1);
            if (left % 4 != 0) { /* the others die with their reader */
                ec_consumer_release(consumer, lease.slot);
            }
        } else if (number != EAGAIN) {
            atomic_fetch_add(&failed, 1);
        } else if (!by_poll) {
            ec_consumer_wait(consumer, 2000);
        } else if (ec_consumer_arm(consumer)) {
            struct pollfd polled = {ec_consumer_fd(consumer), POLLIN, 0};
            poll(&polled, 1, 2);
            ec_consumer_drain(consumer);
        }
    }
}

static void* come_and_go(void* argument) {
    unsigned seed = (unsigned)(size_t)argument;
    for (uint32_t i = 0; i < PASSING_READERS; i++) {
        ec_consumer consumer;
        if (ec_consumer_open(&consumer, path, 20000000) != 0) {
            atomic_fetch_add(&failed, 1);
            continue;
        }
        read_some(&consumer, &seed, i % 2);
        ec_consumer_close(&consumer);
    }
    atomic_fetch_sub(&left, 1);
    return NULL;
}

static void produce(void) {
    pthread_t threads[READERS];
    ec_producer producer;
    ec_producer_config config = {.path = path, .slots = SLOTS, .slot_bytes = WORDS * 8};
    if (ec_producer_open(&producer, &config) != 0) {
        atomic_fetch_add(&failed, 1);
        return;
    }
    atomic_store(&left, READERS);
    for (uint32_t i = 0; i < READERS; i++) {
        pthread_create(&threads[i], NULL, come_and_go, (void*)(size_t)(100 + i));
    }
    for (uint64_t stamp = 1; atomic_load(&left) != 0; stamp++) {
        int slot = ec_producer_claim(&producer);
        struct pollfd polled = {ec_producer_fd(&producer), POLLIN, 0};
        if (slot != EC_NO_SLOT) {
            ec_picture picture = description(stamp);
            paint((uint64_t*)producer.pixels[slot], stamp);
            if (stamp % 16 == 0) {
                ec_producer_abandon(&producer, slot);
            } else if (!ec_producer_publish(&producer, slot, &picture)) {
                atomic_fetch_add(&failed, 1);
            }
        }
        poll(&polled, 1, stamp % 4 == 0);
    }
    for (uint32_t i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    ec_producer_serve(&producer);
    if (ec_producer_readers(&producer) != 0 || ec_writer_leased(&producer.writer) != 0) {
        atomic_fetch_add(&failed, 1);
    }
    ec_producer_close(&producer);
    ec_producer_free(&producer);
    if (access(path, F_OK) == 0) {
        atomic_fetch_add(&failed, 1);
    }
}

int main(void) {
    char folder[] = "/tmp/ring-XXXXXX", name[64];
    uint64_t published = write_memory();
    unsigned in_memory = atomic_load(&taken);
    misuse();
    wake();
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    snprintf(name, sizeof name, "%s/camera.sock", folder);
    path = name;
    produce();
    rmdir(folder);
    printf("%llu pictures published in memory, %u looked at; %u looked at over a socket; %u torn, "
           "%u failed\n",
           (unsigned long long)published, in_memory, atomic_load(&taken) - in_memory,
           atomic_load(&torn), atomic_load(&failed));
    return atomic_load(&torn) != 0 || atomic_load(&failed) != 0 || in_memory == 0 ||
           atomic_load(&taken) == in_memory;
}
