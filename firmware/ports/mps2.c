/* SPDX-License-Identifier: Apache-2.0
 *
 * MPS2 as QEMU emulates it: one clock for all, and it is fixed.
 */
#include "cmsdk_uart.h"
#include "cortex_m_cycles.h"

bool port_init(void)
{
    uart_start(BOARD_CLOCK_HZ);
    return true;
}
