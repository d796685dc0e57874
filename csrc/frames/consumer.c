#include "frames/consumer.h"

#include "frames/bell.h"
#include "frames/door.h"
#include "frames/memory.h"
#include "frames/welcome.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

static int map_buffers(ec_consumer* consumer, const ec_welcome* welcome) {
    const ec_reader* reader = &consumer->reader;
    if (welcome->count != 2 + reader->slots) {
        return EPROTO;
    }
    for (uint32_t i = 0; i < reader->slots; i++) {
        void* at;
        int number = ec_memory_map(welcome->fds[2 + i], reader->slot_bytes, false, &at);
        if (number != 0) {
            while (i-- > 0) {
                ec_memory_unmap((void*)consumer->pixels[i], reader->slot_bytes);
            }
            return number;
        }
        consumer->pixels[i] = at;
        consumer->buffers[i] = welcome->fds[2 + i];
    }
    return 0;
}

/* The stream's memory is mapped, and its page. */
static int believe(ec_consumer* consumer, const ec_welcome* welcome, const ec_stream* stream,
                   ec_page* page) {
    consumer->has_buffers = welcome->count > 2;
    if (!ec_reader_init(&consumer->reader, stream, consumer->bytes, consumer->has_buffers, page)) {
        return EPROTO;
    }
    if (consumer->has_buffers) {
        return map_buffers(consumer, welcome);
    }
    const ec_reader* reader = &consumer->reader;
    for (uint32_t i = 0; i < reader->slots; i++) {
        consumer->pixels[i] =
            (const uint8_t*)stream + EC_STREAM_PIXELS + i * ec_stream_step(reader->slot_bytes);
    }
    return 0;
}

static int map_stream(ec_consumer* consumer, const ec_welcome* welcome) {
    void *stream, *page;
    consumer->bytes = ec_memory_size(welcome->fds[0]);
    if (consumer->bytes < EC_STREAM_PIXELS) {
        return EPROTO;
    }
    int number = ec_memory_map(welcome->fds[0], consumer->bytes, false, &stream);
    if (number != 0) {
        return number;
    }
    number = ec_memory_map(welcome->fds[1], sizeof(ec_page), true, &page);
    if (number == 0) {
        number = believe(consumer, welcome, stream, page);
        if (number != 0) {
            ec_memory_unmap(page, sizeof(ec_page));
        }
    }
    if (number != 0) {
        ec_memory_unmap(stream, consumer->bytes);
    }
    return number;
}

static int be_welcomed(ec_consumer* consumer) {
    static const int reasons[] = {[EC_NOT_ALLOWED] = EACCES, [EC_NO_PLACE] = EUSERS};
    ec_welcome welcome;
    int number = ec_welcome_receive(consumer->socket, &welcome);
    if (number != 0) {
        return number;
    }
    number =
        welcome.answer == EC_WELCOME ? map_stream(consumer, &welcome) : reasons[welcome.answer];
    if (number == 0) { /* what is mapped needs no descriptor; buffers are kept to be handed on */
        close(welcome.fds[0]);
        close(welcome.fds[1]);
    } else {
        ec_welcome_close(&welcome);
    }
    return number;
}

int ec_consumer_open(ec_consumer* consumer, const char* path, uint64_t timeout_us) {
    *consumer = (ec_consumer){.socket = -1};
    int number = ec_door_knock(path, timeout_us, &consumer->socket);
    if (number != 0) {
        return number;
    }
    number = be_welcomed(consumer);
    if (number != 0) {
        close(consumer->socket);
    }
    return number;
}

void ec_consumer_close(ec_consumer* consumer) {
    ec_reader* reader = &consumer->reader;
    for (uint32_t i = 0; consumer->has_buffers && i < reader->slots; i++) {
        ec_memory_unmap((void*)consumer->pixels[i], reader->slot_bytes);
        close(consumer->buffers[i]);
    }
    ec_memory_unmap((void*)reader->stream, consumer->bytes);
    ec_memory_unmap(reader->page, sizeof(ec_page));
    close(consumer->socket);
}

int ec_consumer_take(ec_consumer* consumer, ec_lease* lease) {
    static const int results[] = {[EC_TAKEN] = 0, [EC_NOTHING_NEW] = EAGAIN, [EC_UNFIT] = EPROTO};
    int number = results[ec_reader_take(&consumer->reader, lease)];
    if (number == 0 && consumer->has_buffers) {
        ec_memory_access(consumer->buffers[lease->slot], EC_BEGIN_READ);
    }
    return number;
}

void ec_consumer_release(ec_consumer* consumer, uint32_t slot) {
    if (consumer->has_buffers) {
        ec_memory_access(consumer->buffers[slot], EC_END_READ);
    }
    ec_reader_release(&consumer->reader, slot);
}

/* A producer that lives sends nothing that is not in answer to ec_consumer_arm. */
static bool is_gone(const ec_consumer* consumer) {
    struct pollfd polled = {consumer->socket, POLLRDHUP, 0};
    return poll(&polled, 1, 0) > 0;
}

int ec_consumer_wait(ec_consumer* consumer, uint64_t timeout_us) {
    _Atomic uint32_t* bell = &consumer->reader.page->bell;
    atomic_store(bell, EC_BELL_ASLEEP);
    if (!ec_reader_has_news(&consumer->reader)) {
        ec_bell_wait(bell, timeout_us);
    }
    atomic_store(bell, EC_BELL_AWAKE);
    if (ec_reader_has_news(&consumer->reader)) {
        return 0;
    }
    return is_gone(consumer) ? EPIPE : EAGAIN;
}

bool ec_consumer_arm(ec_consumer* consumer) {
    atomic_store(&consumer->reader.page->bell, EC_BELL_NOTE);
    return !ec_reader_has_news(&consumer->reader);
}

int ec_consumer_fd(const ec_consumer* consumer) {
    return consumer->socket;
}

int ec_consumer_drain(ec_consumer* consumer) {
    char byte;
    for (uint32_t i = 0; i < EC_SLOTS_MAX; i++) {
        ssize_t length = recv(consumer->socket, &byte, 1, MSG_DONTWAIT);
        if (length < 0 && errno == EAGAIN) {
            return 0;
        }
        if (length <= 0) { /* its last picture first */
            return ec_reader_has_news(&consumer->reader) ? 0 : EPIPE;
        }
    }
    return 0;
}
