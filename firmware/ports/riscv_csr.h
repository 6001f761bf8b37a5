/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RISCV_CSR_H
#define RISCV_CSR_H

#include <stdint.h>

/* Control and status registers, by number: compilers know no names of a vendor's own. */
#define CSR_READ(number)                                                                           \
    __extension__({                                                                                \
        uint32_t csr_value;                                                                        \
        __asm__ volatile("csrr %0, " #number : "=r"(csr_value));                                   \
        csr_value;                                                                                 \
    })
#define CSR_WRITE(number, value) __asm__ volatile("csrw " #number ", %0" ::"r"((uint32_t)(value)))

#endif
