/*
 * A V4L2 camera for machines without one: answers, in place of a driver, the ioctls that are asked
 * of one file. LD_PRELOAD it; V4L2_DEVICE names the file, whose content is the buffers, so that
 * mapping it is the kernel's own work. V4L2_FRAMES: after so many frames it is unplugged, once.
 *
 * The bytes of frame n are n + their index, but for the first eight, which are the stamp of its
 * capture in microseconds of CLOCK_MONOTONIC.
 */
#include <errno.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BUFFERS_MOST = 32, SIZE_MOST = 1 << 16, MICROSECONDS = 1000000 };

static struct v4l2_pix_format format;
static struct v4l2_fract interval = {1, 20};
static uint32_t buffers, queue[BUFFERS_MOST], queued;
static unsigned frames, unplugged;

static int is_device(int fd) {
    const char* path = getenv("V4L2_DEVICE");
    struct stat device, opened;
    return path != NULL && stat(path, &device) == 0 && fstat(fd, &opened) == 0 &&
           device.st_ino == opened.st_ino && device.st_dev == opened.st_dev;
}

static int fail(int code) {
    errno = code;
    return -1;
}

static int set_format(struct v4l2_pix_format* wanted) {
    uint32_t pixels = wanted->width * wanted->height;
    if (wanted->pixelformat == V4L2_PIX_FMT_YUYV) {
        wanted->bytesperline = wanted->width * 2;
        wanted->sizeimage = pixels * 2;
    } else if (wanted->pixelformat == V4L2_PIX_FMT_NV12) {
        wanted->bytesperline = wanted->width;
        wanted->sizeimage = pixels * 3 / 2;
    } else {
        return fail(EINVAL);
    }
    if (wanted->sizeimage > SIZE_MOST)
        return fail(EINVAL);
    wanted->field = V4L2_FIELD_NONE;
    format = *wanted;
    return 0;
}

static int describe(struct v4l2_buffer* buffer) {
    if (buffer->index >= buffers)
        return fail(EINVAL);
    buffer->length = SIZE_MOST;
    buffer->m.offset = buffer->index * SIZE_MOST;
    return 0;
}

static int capture(int fd, struct v4l2_buffer* buffer) {
    static uint8_t picture[SIZE_MOST];
    const char* most = getenv("V4L2_FRAMES");
    struct timespec now,
        exposure = {0, (long)(1000000000ull * interval.numerator / interval.denominator)};
    if (queued == 0)
        return fail(EAGAIN);
    if (most != NULL && !unplugged && frames == (unsigned)atoi(most)) {
        unplugged = 1;
        return fail(ENODEV);
    }
    nanosleep(&exposure, NULL);
    clock_gettime(CLOCK_MONOTONIC, &now);
    buffer->timestamp.tv_sec = now.tv_sec;
    buffer->timestamp.tv_usec = now.tv_nsec / 1000;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->sequence = frames;
    for (uint32_t at = 0; at < format.sizeimage; at++)
        picture[at] = (uint8_t)(frames + at);
    uint64_t stamp = (uint64_t)now.tv_sec * MICROSECONDS + (uint64_t)buffer->timestamp.tv_usec;
    memcpy(picture, &stamp, sizeof(stamp));
    frames++;
    buffer->index = queue[0];
    memmove(queue, queue + 1, --queued * sizeof(queue[0]));
    buffer->bytesused = format.sizeimage;
    if (pwrite(fd, picture, format.sizeimage, (off_t)buffer->index * SIZE_MOST) < 0)
        return -1;
    return describe(buffer);
}

static int answer(int fd, unsigned long request, void* argument) {
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability* is = argument;
        memset(is, 0, sizeof(*is));
        is->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        return 0;
    }
    case VIDIOC_G_INPUT:
        *(int*)argument = 0;
        return 0;
    case VIDIOC_ENUMINPUT: {
        struct v4l2_input* input = argument;
        if (input->index > 0)
            return fail(EINVAL);
        input->type = V4L2_INPUT_TYPE_CAMERA;
        input->std = 0;
        return 0;
    }
    case VIDIOC_S_FMT:
        return set_format(&((struct v4l2_format*)argument)->fmt.pix);
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
        struct v4l2_captureparm* capture = &((struct v4l2_streamparm*)argument)->parm.capture;
        if (request == VIDIOC_S_PARM)
            interval = capture->timeperframe;
        capture->capability = V4L2_CAP_TIMEPERFRAME;
        capture->timeperframe = interval;
        return 0;
    }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers* asked = argument;
        if (asked->count > BUFFERS_MOST)
            asked->count = BUFFERS_MOST;
        buffers = asked->count;
        queued = 0;
        return 0;
    }
    case VIDIOC_QUERYBUF:
        return describe(argument);
    case VIDIOC_QBUF:
        if (queued == buffers)
            return fail(EINVAL);
        queue[queued++] = ((struct v4l2_buffer*)argument)->index;
        return 0;
    case VIDIOC_DQBUF:
        return capture(fd, argument);
    case VIDIOC_STREAMON:
        return 0;
    case VIDIOC_STREAMOFF:
        queued = 0;
        return 0;
    default:
        return fail(ENOTTY);
    }
}

int ioctl(int fd, unsigned long request, ...) {
    va_list rest;
    va_start(rest, request);
    void* argument = va_arg(rest, void*);
    va_end(rest);
    /* As the kernel has it: 32 bits. */
    if (((request >> 8) & 0xff) == 'V' && is_device(fd))
        return answer(fd, (uint32_t)request, argument);
    return (int)syscall(SYS_ioctl, fd, request, argument);
}
