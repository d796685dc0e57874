#include "frames/producer.h"

#include "frames/bell.h"
#include "frames/memory.h"
#include "frames/welcome.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define AT_THE_DOOR EC_READERS_MAX

static uint64_t stream_bytes(const ec_stream* stream) {
    return ec_stream_bytes(stream->slots, stream->slot_bytes, stream->buffers);
}

static void unmap_buffers(ec_producer* producer, uint32_t count, uint64_t bytes) {
    for (uint32_t i = 0; i < count; i++) {
        ec_memory_unmap(producer->pixels[i], bytes);
    }
}

static int place_pixels(ec_producer* producer, const ec_producer_config* config) {
    uint8_t* own = (uint8_t*)producer->writer.stream + EC_STREAM_PIXELS;
    for (uint32_t i = 0; i < config->slots; i++) {
        if (!producer->has_buffers) {
            producer->pixels[i] = own + i * ec_stream_step(config->slot_bytes);
            continue;
        }
        void* at;
        int number = ec_memory_map(config->buffers[i], config->slot_bytes, true, &at);
        if (number != 0) {
            unmap_buffers(producer, i, config->slot_bytes);
            return number;
        }
        producer->pixels[i] = at;
        producer->buffers[i] = config->buffers[i];
    }
    return 0;
}

static int make_stream(ec_producer* producer, const ec_producer_config* config) {
    void* at;
    uint64_t bytes = ec_stream_bytes(config->slots, config->slot_bytes, producer->has_buffers);
    int number = ec_memory_make("edgecore-ring", bytes, true, &producer->memory_fd, &at);
    if (number != 0) {
        return number;
    }
    ec_writer_init(&producer->writer, at, config->slots, config->slot_bytes, producer->has_buffers);
    number = place_pixels(producer, config);
    if (number != 0) {
        ec_memory_unmap(at, bytes);
        close(producer->memory_fd);
    }
    return number;
}

static int watch(const ec_producer* producer, int fd, uint32_t events, uint32_t who) {
    struct epoll_event event = {.events = events, .data.u32 = who};
    return epoll_ctl(producer->poll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

static int open_door(ec_producer* producer, const ec_producer_config* config) {
    int number = ec_door_open(&producer->door, config->path, config->uid_count != 0);
    if (number != 0) {
        return number;
    }
    producer->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (producer->poll_fd < 0) {
        number = errno;
        ec_door_close(&producer->door);
        return number;
    }
    /* By edges: a reader that no descriptor is left for must not keep ec_producer_fd readable. */
    number = watch(producer, producer->door.socket, EPOLLIN | EPOLLET, AT_THE_DOOR);
    if (number != 0) {
        close(producer->poll_fd);
        ec_door_close(&producer->door);
    }
    return number;
}

int ec_producer_open(ec_producer* producer, const ec_producer_config* config) {
    *producer = (ec_producer){.has_buffers = config->buffers != NULL};
    if (config->slots < 2 || config->slots > EC_SLOTS_MAX || config->slot_bytes == 0 ||
        config->slot_bytes > EC_SLOT_BYTES_MAX || config->uid_count > EC_UIDS_MAX) {
        return EINVAL;
    }
    producer->uids[producer->uid_count++] = geteuid();
    for (size_t i = 0; i < config->uid_count; i++) {
        producer->uids[producer->uid_count++] = config->uids[i];
    }
    int number = make_stream(producer, config);
    if (number != 0) {
        return number;
    }
    number = open_door(producer, config);
    if (number != 0) {
        close(producer->memory_fd);
        ec_producer_free(producer);
    }
    return number;
}

static void dismiss(ec_producer* producer, uint32_t place) {
    ec_memory_unmap(producer->writer.pages[place], sizeof(ec_page));
    producer->writer.pages[place] = NULL;
    close(producer->sockets[place]);
}

void ec_producer_close(ec_producer* producer) {
    for (uint32_t i = 0; i < EC_READERS_MAX; i++) {
        if (producer->writer.pages[i] != NULL) {
            dismiss(producer, i);
        }
    }
    ec_door_close(&producer->door);
    close(producer->poll_fd);
    close(producer->memory_fd);
}

void ec_producer_free(ec_producer* producer) {
    ec_stream* stream = producer->writer.stream;
    if (producer->has_buffers) {
        unmap_buffers(producer, stream->slots, stream->slot_bytes);
    }
    ec_memory_unmap(stream, stream_bytes(stream));
}

int ec_producer_fd(const ec_producer* producer) {
    return producer->poll_fd;
}

static bool may_read(const ec_producer* producer, uid_t uid) {
    for (size_t i = 0; i < producer->uid_count; i++) {
        if (producer->uids[i] == uid) {
            return true;
        }
    }
    return false;
}

static void refuse(ec_producer* producer, int socket, ec_answer answer) {
    ec_welcome welcome = {.answer = answer};
    ec_welcome_send(socket, &welcome);
    close(socket);
    producer->refused++;
}

/* The reader has its place, and its leases count, before it can take the first. */
static int welcome_at(ec_producer* producer, int socket, uint32_t place) {
    ec_welcome welcome = {.answer = EC_WELCOME, .count = 2};
    void* page;
    int page_fd;
    int number = ec_memory_make("edgecore-ring-reader", sizeof(ec_page), false, &page_fd, &page);
    if (number != 0) {
        return number;
    }
    welcome.fds[0] = producer->memory_fd;
    welcome.fds[1] = page_fd;
    for (uint32_t i = 0; producer->has_buffers && i < producer->writer.stream->slots; i++) {
        welcome.fds[welcome.count++] = producer->buffers[i];
    }
    producer->writer.pages[place] = page;
    producer->sockets[place] = socket;
    number = watch(producer, socket, EPOLLIN | EPOLLRDHUP, place);
    if (number == 0) {
        number = ec_welcome_send(socket, &welcome);
    }
    if (number != 0) {
        producer->writer.pages[place] = NULL;
        ec_memory_unmap(page, sizeof(ec_page));
    }
    close(page_fd);
    return number;
}

static void admit(ec_producer* producer, int socket, uid_t uid) {
    uint32_t place = 0;
    while (place < EC_READERS_MAX && producer->writer.pages[place] != NULL) {
        place++;
    }
    if (!may_read(producer, uid)) {
        refuse(producer, socket, EC_NOT_ALLOWED);
    } else if (place == EC_READERS_MAX) {
        refuse(producer, socket, EC_NO_PLACE);
    } else if (welcome_at(producer, socket, place) != 0) {
        close(socket);
        producer->refused++;
    }
}

static void answer_the_door(ec_producer* producer) {
    for (uint32_t i = 0; i < EC_READERS_MAX; i++) {
        struct ucred peer;
        int socket = ec_door_accept(&producer->door, &peer);
        if (socket < 0) {
            producer->unheard = errno != EAGAIN;
            return;
        }
        admit(producer, socket, peer.uid);
    }
    producer->unheard = true; /* as many again may wait */
}

static void listen_to(ec_producer* producer, uint32_t place) {
    char byte;
    if (producer->writer.pages[place] != NULL &&
        (recv(producer->sockets[place], &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN)) {
        dismiss(producer, place);
    }
}

void ec_producer_serve(ec_producer* producer) {
    struct epoll_event events[EC_READERS_MAX + 1];
    int count = epoll_wait(producer->poll_fd, events, EC_READERS_MAX + 1, 0);
    bool knocked = producer->unheard;
    for (int i = 0; i < count; i++) {
        if (events[i].data.u32 == AT_THE_DOOR) {
            knocked = true;
        } else {
            listen_to(producer, events[i].data.u32);
        }
    }
    if (knocked) { /* last: a place that was just given up is not mistaken for its new reader */
        answer_the_door(producer);
    }
}

static void ring_all(ec_producer* producer) {
    for (uint32_t i = 0; i < EC_READERS_MAX; i++) {
        ec_page* page = producer->writer.pages[i];
        if (page != NULL && ec_bell_ring(&page->bell) == EC_BELL_NOTE) {
            send(producer->sockets[i], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
    }
}

int ec_producer_claim(ec_producer* producer) {
    ec_producer_serve(producer);
    int slot = ec_writer_claim(&producer->writer);
    if (producer->writer.hidden) {
        producer->writer.hidden = false;
        ring_all(producer);
    }
    if (slot != EC_NO_SLOT && producer->has_buffers) {
        ec_memory_access(producer->buffers[slot], EC_BEGIN_WRITE);
    }
    return slot;
}

/* Only of slots that were claimed; the others are told apart by the writer. */
static void end_writing(const ec_producer* producer, int slot) {
    if (producer->has_buffers && slot >= 0 && slot < (int)EC_SLOTS_MAX &&
        (producer->writer.claimed >> slot & 1) != 0) {
        ec_memory_access(producer->buffers[slot], EC_END_WRITE);
    }
}

bool ec_producer_publish(ec_producer* producer, int slot, const ec_picture* picture) {
    if (!ec_picture_fits(picture, producer->writer.stream->slot_bytes)) {
        return false;
    }
    end_writing(producer, slot);
    if (!ec_writer_publish(&producer->writer, slot, picture)) {
        return false;
    }
    ring_all(producer);
    return true;
}

void ec_producer_abandon(ec_producer* producer, int slot) {
    end_writing(producer, slot);
    ec_writer_abandon(&producer->writer, slot);
}

uint32_t ec_producer_readers(const ec_producer* producer) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < EC_READERS_MAX; i++) {
        count += producer->writer.pages[i] != NULL;
    }
    return count;
}
