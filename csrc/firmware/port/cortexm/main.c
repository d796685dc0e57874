/* The HAL over a machine, and the one loop. */

#include "firmware/core/firmware.h"
#include "firmware/port/cortexm/boot.h"
#include "firmware/port/cortexm/cpu.h"
#include "firmware/port/cortexm/machine.h"

ec_fifo ec_uart_received, ec_uart_to_send;

static ec_firmware firmware;

static uint64_t now_us(void* port) {
    (void)port;
    return ec_machine_now_us();
}

static uint32_t boot_id(void* port) {
    (void)port;
    return ec_boot_id();
}

static uint32_t boots(void* port) {
    (void)port;
    return ec_boots();
}

static size_t receive(void* port, uint8_t* data, size_t capacity) {
    (void)port;
    /* A full FIFO left bytes in the UART, whose interrupt will not come again for them. */
    ec_interrupts_off();
    ec_machine_uart_drain();
    ec_interrupts_on();
    size_t count = 0;
    while (count < capacity && !ec_fifo_empty(&ec_uart_received))
        data[count++] = ec_fifo_take(&ec_uart_received);
    return count;
}

static size_t transmit(void* port, const uint8_t* data, size_t length) {
    (void)port;
    size_t count = 0;
    while (count < length && !ec_fifo_full(&ec_uart_to_send))
        ec_fifo_put(&ec_uart_to_send, data[count++]);
    ec_interrupts_off();
    ec_machine_uart_fill();
    ec_interrupts_on();
    return count;
}

static void set_led(void* port, bool on) {
    (void)port;
    ec_machine_set_led(on);
}

static void set_buzzer(void* port, bool on) {
    (void)port;
    ec_machine_set_buzzer(on);
}

static bool read_imu(void* port, ec_imu_sample* sample) {
    (void)port;
    return ec_machine_read_imu(sample);
}

static bool read_speed(void* port, float* speed_mps) {
    (void)port;
    return ec_machine_read_speed(speed_mps);
}

static void kick_watchdog(void* port) {
    (void)port;
    ec_machine_kick_watchdog();
}

static void trace(void* port, const ec_trace* event) {
    (void)port;
    (void)event;
}

/* The linker's note of its build id: a header of 16 bytes, then the id. */
extern const uint8_t ec_build_note[];
#define BUILD_ID_AT 16u

static const ec_hal without_flash = {
    .now_us = now_us,
    .boot_id = boot_id,
    .boots = boots,
    .build_id = ec_build_note + BUILD_ID_AT,
    .receive = receive,
    .transmit = transmit,
    .set_led = set_led,
    .set_buzzer = set_buzzer,
    .read_imu = read_imu,
    .read_speed = read_speed,
    .kick_watchdog = kick_watchdog,
    .trace = trace,
};

/* Sleeps until `due_us`, or a byte, or room in a full UART. */
static void sleep_until(uint64_t due_us) {
    uint64_t now = ec_machine_now_us();
    uint64_t wait_us = due_us > now ? due_us - now : 0;
    if (wait_us == 0)
        return;
    ec_machine_alarm(wait_us < EC_MACHINE_LOOK_US ? (uint32_t)wait_us : EC_MACHINE_LOOK_US);
    ec_interrupts_off();
    if (ec_fifo_empty(&ec_uart_received))
        ec_sleep();
    ec_interrupts_on();
}

int main(void) {
    ec_hal hal = without_flash;
    hal.flash = ec_machine_boot();
    ec_machine_init();
    if (!ec_firmware_init(&firmware, &hal))
        return 1;
    for (;;)
        sleep_until(ec_firmware_step(&firmware));
}
