/* SPDX-License-Identifier: Apache-2.0
 *
 * MPS3 with AN547 as QEMU emulates it: fixed clocks, a slower one for the peripherals.
 */
#include "cmsdk_uart.h"
#include "cortex_m_cycles.h"

#define PERIPHERAL_HZ 25000000u

bool port_init(void)
{
    uart_start(PERIPHERAL_HZ);
    return true;
}
