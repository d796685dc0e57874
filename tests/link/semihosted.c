/* Runs a test program's main on a bare Cortex-M: newlib's stdio and exit go to the debugger that
 * QEMU stands in for (semihosting), so the status of main is QEMU's own. Linked with --wrap=main.
 */

#include <stdlib.h>

void initialise_monitor_handles(void); /* newlib's librdimon */
int __real_main(void);
int __wrap_main(void);

int __wrap_main(void) {
    initialise_monitor_handles();
    exit(__real_main());
}
