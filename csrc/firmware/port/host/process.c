#define _GNU_SOURCE /* ppoll, accept4 */

#include "firmware/port/host/process.h"

#include "firmware/port/host/report.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A pty without a client cannot be waited for: it is looked at so often. */
#define HANG_UP_LOOK_US 20000u
#define LONGEST_WAIT_US 1000000u
#define LINE_SPEED_MAX 3000000u

static volatile sig_atomic_t asked_to_stop;
static volatile sig_atomic_t parent_signalled;

static void on_stop(int signal_number) {
    (void)signal_number;
    asked_to_stop = 1;
}

static void on_parent(int signal_number) {
    (void)signal_number;
    parent_signalled = 1;
}

static uint64_t monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool would_block(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static uint64_t clock_us(const ec_process* process) {
    const int64_t* ahead_us = process->options.ahead_us;
    uint64_t ahead = ahead_us == NULL ? 0 : (uint64_t)__atomic_load_n(ahead_us, __ATOMIC_RELAXED);
    return monotonic_ns() / 1000u + ahead;
}

static uint64_t now_us(void* port) {
    ec_process* process = ((ec_board*)port)->owner;
    int64_t now = (int64_t)(clock_us(process) - process->start_us);
    if (now > (int64_t)process->board.now_us)
        process->board.now_us = (uint64_t)now;
    return process->board.now_us;
}

static size_t receive(void* port, uint8_t* data, size_t capacity) {
    ec_process* process = ((ec_board*)port)->owner;
    if (process->client < 0 || process->lost)
        return 0;
    ssize_t count = read(process->client, data, capacity);
    if (count > 0) {
        ec_uart_spoil(&process->uart, data, (size_t)count);
        return (size_t)count;
    }
    if (count == 0 || !would_block())
        process->lost = true;
    return 0;
}

static size_t transmit(void* port, const uint8_t* data, size_t length) {
    ec_process* process = ((ec_board*)port)->owner;
    if (process->client < 0 || process->lost)
        return 0;
    uint8_t sent[512];
    length = length < sizeof sent ? length : sizeof sent;
    memcpy(sent, data, length);
    ec_uart_spoil(&process->uart, sent, length);
    ssize_t count = write(process->client, sent, length);
    if (count < 0 && !would_block())
        process->lost = true;
    size_t taken = count > 0 ? (size_t)count : 0;
    process->full = taken < length;
    return taken;
}

static void set_line_speed(void* port, uint32_t baud) {
    ec_process* process = ((ec_board*)port)->owner;
    ec_uart_set_speed(&process->uart, baud);
}

static bool entropy(void* port, uint8_t* data, size_t length) {
    (void)port;
    return getentropy(data, length) == 0;
}

static void report(ec_process* process) {
    ec_trace trace;
    char line[160];
    while (ec_board_take_trace(&process->board, &trace)) {
        struct pollfd out = {process->options.report_fd, POLLOUT, 0};
        size_t length = ec_trace_json(&trace, line, sizeof line);
        if (length > 0 && poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0)
            (void)!write(process->options.report_fd, line, length);
    }
}

static void set_nonblocking(int fd) {
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static bool hung_up(int fd) {
    struct pollfd look = {fd, 0, 0};
    return poll(&look, 1, 0) == 1 && (look.revents & POLLHUP) != 0;
}

static void welcome(ec_process* process, int client) {
    process->client = client;
    process->lost = false;
    process->full = false;
}

/* A client that is not to give way to the next. */
static bool engaged(const ec_process* process) {
    return process->client >= 0 &&
           (process->options.mlperf_tiny || ec_session_open(&process->firmware.session));
}

static void part(ec_process* process) {
    if (process->options.line == EC_LINE_LISTENER)
        close(process->client);
    process->client = -1;
    if (process->options.mlperf_tiny)
        ec_tiny_line_lost(&process->tiny);
    else
        ec_firmware_line_lost(&process->firmware);
}

/* Takes the next client; an older one whose session is dead gives way. */
static void accept_client(ec_process* process) {
    int client = accept4(process->options.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0)
        return;
    int yes = 1; /* fails on unix sockets, which need it not */
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (process->client >= 0)
        part(process);
    welcome(process, client);
}

/* Waits for bytes, a client, a signal or `due_us`. */
static void wait_until(ec_process* process, uint64_t due_us, const sigset_t* signals) {
    struct pollfd fds[2];
    nfds_t count = 0;
    bool listening = process->options.line == EC_LINE_LISTENER && !engaged(process);
    if (listening)
        fds[count++] = (struct pollfd){process->options.fd, POLLIN, 0};
    if (process->client >= 0) {
        /* Who answers one command after the other reads nothing before the answer has left. */
        short sending = process->options.mlperf_tiny ? POLLOUT : POLLIN | POLLOUT;
        short events = process->full ? sending : POLLIN;
        fds[count++] = (struct pollfd){process->client, events, 0};
    }

    uint64_t longest_us = process->client < 0 && process->options.line == EC_LINE_PTY
                              ? HANG_UP_LOOK_US
                              : LONGEST_WAIT_US;
    uint64_t now_us = process->board.now_us;
    uint64_t wait_us = due_us > now_us ? due_us - now_us : 0;
    if (wait_us > longest_us)
        wait_us = longest_us;
    struct timespec timeout = {(time_t)(wait_us / 1000000u), (long)(wait_us % 1000000u) * 1000};
    if (ppoll(fds, count, &timeout, signals) > 0 && listening && fds[0].revents != 0)
        accept_client(process);
}

/* Power-on, or a reset that the firmware wanted: the line stays as it is. False when the firmware
 * does not boot. */
static bool boot(ec_process* process, uint32_t boot_id) {
    process->start_us = clock_us(process);
    ec_board_init(&process->board, boot_id, process->options.seed,
                  (int64_t)(process->start_us - process->options.epoch_ns / 1000u));
    ec_board_boot(&process->board);
    process->hal = ec_board_hal(&process->board);
    process->hal.now_us = now_us;
    process->hal.receive = receive;
    process->hal.transmit = transmit;
    process->hal.entropy = entropy;
    process->uart.fd = process->options.line == EC_LINE_PTY ? process->options.fd : -1;
    if (process->uart.fd >= 0) {
        process->hal.set_line_speed = set_line_speed;
        process->hal.line_speed_max = LINE_SPEED_MAX;
    }
    if (!process->options.mlperf_tiny)
        return ec_firmware_init(&process->firmware, &process->hal);
    process->model = ec_dense_model(&process->dense);
    return ec_tiny_init(&process->tiny, &process->hal, &process->model);
}

static bool reset_if_wanted(ec_process* process) {
    uint32_t next = process->board.boot_id + 1u;
    return process->board.reset_wanted && boot(process, next != 0 ? next : 1u);
}

static uint64_t step(ec_process* process) {
    if (!process->options.mlperf_tiny)
        return ec_firmware_step(&process->firmware);
    /* It does not read while it infers, and so would not see the client leave. */
    if (process->client >= 0 && hung_up(process->client))
        process->lost = true;
    return ec_tiny_step(&process->tiny);
}

/* One turn of the main loop; false when the process is over. */
static bool turn(ec_process* process, const sigset_t* signals) {
    if (process->client < 0 && process->options.line == EC_LINE_PTY &&
        !hung_up(process->options.fd))
        welcome(process, process->options.fd);
    uint64_t due_us = step(process);
    if (process->lost && process->client >= 0) {
        part(process);
        due_us = process->board.now_us;
    }
    report(process);
    if (reset_if_wanted(process))
        due_us = 0;
    if (process->client < 0 && process->options.line == EC_LINE_STREAM)
        return false;
    if (asked_to_stop == 0)
        wait_until(process, due_us, signals);
    return asked_to_stop == 0;
}

static int run(ec_process* process, const sigset_t* signals) {
    const ec_process_options* options = &process->options;
    if (options->epoch_ns == 0)
        process->options.epoch_ns = monotonic_ns();
    pid_t parent = getppid();
    if (options->dies_with_parent && prctl(PR_SET_PDEATHSIG, SIGUSR1) != 0)
        return errno;

    process->board.owner = process;
    process->board.flash = options->flash;
    process->board.link_key = options->key;
    process->client = -1;
    set_nonblocking(options->fd);
    if (options->line == EC_LINE_STREAM)
        welcome(process, options->fd);
    if (!boot(process, options->boot_id))
        return EINVAL;

    while (turn(process, signals)) {
        /* The signal comes when the thread ends that started us; the parent itself may live on. */
        if (parent_signalled && getppid() != parent)
            break;
    }
    if (process->client >= 0 && options->line == EC_LINE_LISTENER)
        close(process->client);
    return 0;
}

static const int handled[] = {SIGTERM, SIGINT, SIGUSR1, SIGPIPE};
#define HANDLED (sizeof handled / sizeof handled[0])

void ec_process_catch_signals(void) {
    for (size_t i = 0; i < HANDLED; i++) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        sigemptyset(&action.sa_mask);
        action.sa_handler = handled[i] == SIGPIPE   ? SIG_IGN
                            : handled[i] == SIGUSR1 ? on_parent
                                                    : on_stop;
        sigaction(handled[i], &action, NULL);
    }
}

int ec_process_run(ec_process* process, const ec_process_options* options) {
    sigset_t blocked, before;
    memset(process, 0, sizeof *process);
    process->options = *options;
    sigemptyset(&blocked);
    for (size_t i = 0; i < HANDLED; i++)
        sigaddset(&blocked, handled[i]);
    /* They come only while waiting, so that none slips in between the look and the wait. One that
     * another thread of the process takes is seen at the next record of telemetry. */
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    int failure = run(process, &before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}
