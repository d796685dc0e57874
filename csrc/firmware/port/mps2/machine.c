/* ARM MPS2 with the AN386 image: a Cortex-M4 at 25 MHz with CMSDK peripherals (DDI 0479). */

#include "firmware/port/cortexm/machine.h"

#include "firmware/core/boot.h"
#include "firmware/port/cortexm/cpu.h"
#include "firmware/port/cortexm/watchdog.h"
#include "firmware/port/mps2/element.h"
#include "firmware/port/mps2/flash.h"
#include "firmware/port/mps2/loader.h"
#include "firmware/port/vehicle/drive.h"

#define CPU_HZ 25000000u
#define BAUD 921600u

/* The timer that ends sleeps. */
#define TIMER_CTRL EC_REGISTER(0x40000000)
#define TIMER_VALUE EC_REGISTER(0x40000004)
#define TIMER_RELOAD EC_REGISTER(0x40000008)
#define TIMER_CLEAR EC_REGISTER(0x4000000C)
#define TIMER_ON 9u /* counting, with its interrupt */

#define UART_DATA EC_REGISTER(0x40004000)
#define UART_STATE EC_REGISTER(0x40004004)
#define UART_CTRL EC_REGISTER(0x40004008)
#define UART_CLEAR EC_REGISTER(0x4000400C)
#define UART_DIVIDER EC_REGISTER(0x40004010)
#define UART_TX_FULL 1u
#define UART_RX_FULL 2u
#define UART_ALL_ON 0xFu /* both directions, each with its interrupt */
#define UART_TX_INTERRUPT 1u
#define UART_RX_INTERRUPT 2u

#define WATCHDOG 0x40008000u
#ifndef EC_WATCHDOG_ROUND_S
#    define EC_WATCHDOG_ROUND_S 2u
#endif

/* FPGAIO: lamps, and a counter that nothing resets while the board runs. */
#define LAMPS EC_REGISTER(0x40028000)
#define COUNTER EC_REGISTER(0x40028018)
#define PRESCALER EC_REGISTER(0x4002801C)
#define LAMP_LED 1u
#define LAMP_BUZZER 2u

static uint32_t counter_seen;
static uint64_t elapsed_us;

/* The counter runs at a megahertz and wraps after 71 minutes. */
uint64_t ec_machine_now_us(void) {
    uint32_t counter = COUNTER;
    elapsed_us += counter - counter_seen;
    counter_seen = counter;
    return elapsed_us;
}

void ec_machine_alarm(uint32_t delay_us) {
    TIMER_CTRL = 0;
    TIMER_CLEAR = 1;
    TIMER_RELOAD = 0; /* once */
    TIMER_VALUE = delay_us * (CPU_HZ / 1000000u);
    TIMER_CTRL = TIMER_ON;
}

static void on_alarm(void) {
    TIMER_CTRL = 0;
    TIMER_CLEAR = 1;
}

void ec_machine_uart_drain(void) {
    UART_CLEAR = UART_RX_INTERRUPT;
    while ((UART_STATE & UART_RX_FULL) != 0 && !ec_fifo_full(&ec_uart_received))
        ec_fifo_put(&ec_uart_received, (uint8_t)UART_DATA);
}

void ec_machine_uart_fill(void) {
    UART_CLEAR = UART_TX_INTERRUPT;
    while ((UART_STATE & UART_TX_FULL) == 0 && !ec_fifo_empty(&ec_uart_to_send))
        UART_DATA = ec_fifo_take(&ec_uart_to_send);
}

static void set_lamp(uint32_t lamp, bool on) {
    LAMPS = on ? LAMPS | lamp : LAMPS & ~lamp;
}

void ec_machine_set_led(bool on) {
    set_lamp(LAMP_LED, on);
}

void ec_machine_set_buzzer(bool on) {
    set_lamp(LAMP_BUZZER, on);
}

void ec_machine_kick_watchdog(void) {
    ec_watchdog_kick(WATCHDOG);
}

static void reset(void* port) {
    (void)port;
    ec_reset();
}

#define FLASH(verifier)                                                                            \
    {EC_MPS2_FLASH_SECTOR,                                                                         \
     EC_MPS2_FLASH_UNIT,                                                                           \
     EC_MPS2_FLASH_SECTORS,                                                                        \
     ec_mps2_flash_read,                                                                           \
     ec_mps2_flash_erase,                                                                          \
     ec_mps2_flash_program,                                                                        \
     verifier,                                                                                     \
     reset}
static const ec_flash trusting = FLASH(ec_element_verify), refusing = FLASH(NULL);

const ec_flash* ec_machine_boot(void) {
    const ec_flash* flash = ec_element_present() ? &trusting : &refusing;
#ifndef EC_MPS2_IS_LOADED
    uint8_t slot = ec_boot_select(flash, NULL);
    ec_watchdog_start(WATCHDOG, EC_WATCHDOG_ROUND_S * CPU_HZ); /* also for an image that hangs */
    ec_mps2_load(flash, slot);
#endif
    return flash;
}

/* The vehicle sets off at every boot. */
static uint64_t noise;

bool ec_machine_read_imu(ec_imu_sample* sample) {
    ec_drive_imu((int64_t)elapsed_us, &noise, sample);
    return true;
}

bool ec_machine_read_speed(float* speed_mps) {
    *speed_mps = ec_drive_speed_mps((int64_t)elapsed_us, &noise);
    return true;
}

enum { INTERRUPT_UART_RX = 0, INTERRUPT_UART_TX = 1, INTERRUPT_ELEMENT = 2, INTERRUPT_TIMER = 8 };

__attribute__((section(".vectors.interrupts"), used)) static void (*const interrupts[])(void) = {
    [INTERRUPT_UART_RX] = ec_machine_uart_drain,
    [INTERRUPT_UART_TX] = ec_machine_uart_fill,
    [INTERRUPT_ELEMENT] = ec_element_heard,
    [INTERRUPT_TIMER] = on_alarm,
};

void ec_machine_init(void) {
    PRESCALER = CPU_HZ / 1000000u - 1;
    counter_seen = COUNTER;
    UART_DIVIDER = CPU_HZ / BAUD;
    UART_CTRL = UART_ALL_ON;
    ec_watchdog_start(WATCHDOG, EC_WATCHDOG_ROUND_S * CPU_HZ);
    ec_interrupt_enable(INTERRUPT_UART_RX);
    ec_interrupt_enable(INTERRUPT_UART_TX);
    ec_interrupt_enable(INTERRUPT_ELEMENT);
    ec_interrupt_enable(INTERRUPT_TIMER);
}
