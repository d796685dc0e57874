/* TI (Luminary) LM3S6965: a Cortex-M3 at 12.5 MHz, the slowest that its PLL gives, so that SysTick,
 * the only counter that QEMU's model lets one read, wraps after 1.3 s and not sooner. Names of
 * registers are those of the data sheet (DS-LM3S6965). */

#include "firmware/port/cortexm/machine.h"

#include "firmware/port/cortexm/cpu.h"
#include "firmware/port/cortexm/watchdog.h"

#define CPU_HZ 12500000u
#define BAUD 460800u

#define RCC EC_REGISTER(0x400FE060)
#define RIS EC_REGISTER(0x400FE050)
#define RCGC0 EC_REGISTER(0x400FE100)
#define RCGC1 EC_REGISTER(0x400FE104)
#define RCGC2 EC_REGISTER(0x400FE108)
#define RCC_SYSDIV_16 (15u << 23)
#define RCC_USESYSDIV (1u << 22)
#define RCC_PWRDN (1u << 13)
#define RCC_BYPASS (1u << 11)
#define RCC_XTAL_8_MHZ (14u << 6)
#define RIS_PLL_LOCKED (1u << 6)
#define PLL_PATIENCE 100000u
#define RCGC0_WATCHDOG (1u << 3)
#define RCGC1_TIMER0 (1u << 16)
#define RCGC1_UART0 1u
#define RCGC2_PORT_A 1u
#define RCGC2_PORT_F (1u << 5)

#define PORT_A 0x40004000u /* pins 0 and 1: UART0 */
#define PORT_F 0x40025000u /* pin 0: LED; pin 1: buzzer */
#define GPIO_DATA(port, pins) EC_REGISTER((port) + ((uint32_t)(pins) << 2))
#define GPIO_DIR(port) EC_REGISTER((port) + 0x400)
#define GPIO_AFSEL(port) EC_REGISTER((port) + 0x420)
#define GPIO_DEN(port) EC_REGISTER((port) + 0x51C)
#define PIN_LED 1u
#define PIN_BUZZER 2u

/* ARM PL011 (DDI 0183): FIFOs of 16 bytes each way. */
#define UARTDR EC_REGISTER(0x4000C000)
#define UARTFR EC_REGISTER(0x4000C018)
#define UARTIBRD EC_REGISTER(0x4000C024)
#define UARTFBRD EC_REGISTER(0x4000C028)
#define UARTLCRH EC_REGISTER(0x4000C02C)
#define UARTCTL EC_REGISTER(0x4000C030)
#define UARTIM EC_REGISTER(0x4000C038)
#define UARTICR EC_REGISTER(0x4000C044)
#define UARTFR_RX_EMPTY (1u << 4)
#define UARTFR_TX_FULL (1u << 5)
#define UARTLCRH_8N1_FIFO 0x70u
#define UARTCTL_ON 0x301u
#define UART_RX_LEVEL (1u << 4)
#define UART_TX_LEVEL (1u << 5)
#define UART_RX_IDLE (1u << 6)

/* The timer that ends sleeps. */
#define GPTMTAMR EC_REGISTER(0x40030004)
#define GPTMCTL EC_REGISTER(0x4003000C)
#define GPTMIMR EC_REGISTER(0x40030018)
#define GPTMICR EC_REGISTER(0x40030024)
#define GPTMTAILR EC_REGISTER(0x40030028)
#define GPTM_ONE_SHOT 1u
#define GPTM_TIMED_OUT 1u
#define GPTM_ON 1u

#define WATCHDOG 0x40000000u
#define WATCHDOG_ROUND_S 2u

static uint32_t value_seen;
static uint64_t elapsed_cycles;

uint64_t ec_machine_now_us(void) {
    uint32_t value = EC_SYSTICK_VALUE; /* counts down */
    elapsed_cycles += (value_seen - value) & EC_SYSTICK_MASK;
    value_seen = value;
    return elapsed_cycles * 2 / 25; /* at 12.5 MHz */
}

void ec_machine_alarm(uint32_t delay_us) {
    GPTMCTL = 0;
    GPTMICR = GPTM_TIMED_OUT;
    GPTMTAILR = delay_us * (CPU_HZ / 100000u) / 10u;
    GPTMCTL = GPTM_ON;
}

static void on_alarm(void) {
    GPTMICR = GPTM_TIMED_OUT;
}

void ec_machine_uart_drain(void) {
    UARTICR = UART_RX_LEVEL | UART_RX_IDLE;
    while ((UARTFR & UARTFR_RX_EMPTY) == 0 && !ec_fifo_full(&ec_uart_received))
        ec_fifo_put(&ec_uart_received, (uint8_t)UARTDR);
}

void ec_machine_uart_fill(void) {
    UARTICR = UART_TX_LEVEL;
    while ((UARTFR & UARTFR_TX_FULL) == 0 && !ec_fifo_empty(&ec_uart_to_send))
        UARTDR = ec_fifo_take(&ec_uart_to_send);
}

static void on_uart(void) {
    ec_machine_uart_drain();
    ec_machine_uart_fill();
}

void ec_machine_set_led(bool on) {
    GPIO_DATA(PORT_F, PIN_LED) = on ? PIN_LED : 0;
}

void ec_machine_set_buzzer(bool on) {
    GPIO_DATA(PORT_F, PIN_BUZZER) = on ? PIN_BUZZER : 0;
}

void ec_machine_kick_watchdog(void) {
    ec_watchdog_kick(WATCHDOG);
}

const ec_flash* ec_machine_boot(void) {
    return NULL; /* QEMU models none that can be written */
}

bool ec_machine_read_imu(ec_imu_sample* sample) {
    (void)sample;
    return false;
}

bool ec_machine_read_speed(float* speed_mps) {
    (void)speed_mps;
    return false;
}

enum { INTERRUPT_UART = 5, INTERRUPT_TIMER = 19 };

__attribute__((section(".vectors.interrupts"), used)) static void (*const interrupts[])(void) = {
    [INTERRUPT_UART] = on_uart,
    [INTERRUPT_TIMER] = on_alarm,
};

/* Off the PLL, crystal on, PLL up, then back onto it once it has locked. */
static void start_clock(void) {
    RCC = RCC_BYPASS | RCC_PWRDN | RCC_XTAL_8_MHZ;
    RCC = RCC_BYPASS | RCC_XTAL_8_MHZ | RCC_SYSDIV_16 | RCC_USESYSDIV;
    for (uint32_t i = 0; i < PLL_PATIENCE && (RIS & RIS_PLL_LOCKED) == 0; i++)
        ;
    RCC = RCC_XTAL_8_MHZ | RCC_SYSDIV_16 | RCC_USESYSDIV;
}

void ec_machine_init(void) {
    start_clock();
    RCGC0 |= RCGC0_WATCHDOG;
    RCGC1 |= RCGC1_TIMER0 | RCGC1_UART0;
    RCGC2 |= RCGC2_PORT_A | RCGC2_PORT_F;
    (void)RCGC2; /* a clock is there a few cycles after its gate opens */

    EC_SYSTICK_LOAD = EC_SYSTICK_MASK;
    EC_SYSTICK_VALUE = 0;
    EC_SYSTICK_CTRL = EC_SYSTICK_ENABLE | EC_SYSTICK_CPU_CLOCK;
    value_seen = EC_SYSTICK_VALUE;

    GPIO_AFSEL(PORT_A) = 3;
    GPIO_DEN(PORT_A) = 3;
    GPIO_DIR(PORT_F) = PIN_LED | PIN_BUZZER;
    GPIO_DEN(PORT_F) = PIN_LED | PIN_BUZZER;

    UARTIBRD = CPU_HZ * 4 / BAUD / 64; /* CPU clocks / 16 / baud, in 64ths */
    UARTFBRD = CPU_HZ * 4 / BAUD % 64;
    UARTLCRH = UARTLCRH_8N1_FIFO;
    UARTIM = UART_RX_LEVEL | UART_RX_IDLE | UART_TX_LEVEL;
    UARTCTL = UARTCTL_ON;

    GPTMTAMR = GPTM_ONE_SHOT;
    GPTMIMR = GPTM_TIMED_OUT;
    ec_watchdog_start(WATCHDOG, WATCHDOG_ROUND_S * CPU_HZ);
    ec_interrupt_enable(INTERRUPT_UART);
    ec_interrupt_enable(INTERRUPT_TIMER);
}
