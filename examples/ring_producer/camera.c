/* A camera process: shares frames under a socket until it is told to end.
 *
 *     camera /run/camera.sock [frames per second]
 *
 * Its camera is a clock and a moving pattern. A real one takes the clock's place in `poll`: for a
 * V4L2 device, claim a slot for each buffer that is queued, hand the slots' dma-bufs to
 * ec_producer_config.buffers, and publish the slot of each buffer that is dequeued. */

#include "frames/producer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 640, HEIGHT = 480, LUMA = WIDTH * HEIGHT, FRAME = LUMA * 3 / 2 };

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* NV12: a slope of luma that moves by one level a frame, and no colour. */
static void capture(uint8_t* pixels, unsigned number) {
    for (unsigned y = 0; y < HEIGHT; y++) {
        for (unsigned x = 0; x < WIDTH; x++) {
            pixels[y * WIDTH + x] = (uint8_t)(x + y + number);
        }
    }
    memset(pixels + LUMA, 128, FRAME - LUMA);
}

static void share(ec_producer* producer, unsigned number) {
    int slot = ec_producer_claim(producer);
    if (slot == EC_NO_SLOT) {
        return; /* all are being read: this frame is lost, and was counted */
    }
    ec_picture picture = {
        .timestamp_ns = now_ns(),
        .width = WIDTH,
        .height = HEIGHT,
        .planes = 2,
        .format = "nv12",
        .color = "bt601-limited",
        .plane = {{.offset = 0, .bytes = LUMA, .stride = WIDTH},
                  {.offset = LUMA, .bytes = FRAME - LUMA, .stride = WIDTH}},
    };
    capture(producer->pixels[slot], number);
    ec_producer_publish(producer, slot, &picture);
}

static int ticking(double frames_per_s) {
    long period_ns = (long)(1e9 / frames_per_s);
    struct timespec period = {period_ns / 1000000000, period_ns % 1000000000};
    struct itimerspec each = {.it_interval = period, .it_value = period};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    timerfd_settime(fd, 0, &each, NULL);
    return fd;
}

static int ending(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

int main(int count, char** arguments) {
    ec_producer producer;
    double frames_per_s = count > 2 ? atof(arguments[2]) : 30;
    if (count < 2 || !(frames_per_s >= 0.1 && frames_per_s <= 10000)) {
        fprintf(stderr, "usage: camera SOCKET [frames per second, 0.1 to 10000]\n");
        return 2;
    }
    ec_producer_config config = {.path = arguments[1], .slots = 8, .slot_bytes = FRAME};
    int number = ec_producer_open(&producer, &config);
    if (number != 0) {
        fprintf(stderr, "camera: %s: %s\n", config.path, strerror(number));
        return 1;
    }
    struct pollfd polled[] = {
        {ticking(frames_per_s), POLLIN, 0},
        {ec_producer_fd(&producer), POLLIN, 0},
        {ending(), POLLIN, 0},
    };
    for (unsigned frame = 0; polled[2].revents == 0;) {
        uint64_t ticks;
        poll(polled, 3, -1);
        if (polled[1].revents != 0) {
            ec_producer_serve(&producer);
        }
        if (read(polled[0].fd, &ticks, sizeof ticks) == sizeof ticks) {
            share(&producer, frame++);
        }
    }
    ec_producer_close(&producer);
    ec_producer_free(&producer);
    return 0;
}
