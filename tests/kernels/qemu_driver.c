/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs kernel calls that lie in memory on a Cortex-M that QEMU emulates, then writes that memory to
 * a file by semihosting (Arm, "Semihosting for AArch32 and AArch64"). A fault ends the program
 * early: the calls done say which one it was.
 */
#include <stdint.h>

enum { ARGUMENTS = 12, SYS_OPEN = 1, SYS_WRITE = 5, SYS_EXIT = 0x18 };
enum { MODE_WRITE_BINARY = 5, STOPPED = 0x20026 };

typedef void kernel(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f,
                    uint32_t g, uint32_t h, uint32_t i, uint32_t j, uint32_t k, uint32_t l);

typedef struct {
    kernel *function;
    uint32_t argument[ARGUMENTS];
} call;

/* What is laid out at RUN_START. */
typedef struct {
    uint32_t bytes; /* in all */
    uint32_t calls, done;
    call call[];
} run;

static uint32_t ask(uint32_t operation, const void *parameters)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = parameters;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void finish(void)
{
    static const char name[] = "made";
    const uint32_t bytes = *(const volatile uint32_t *)RUN_START;
    const uint32_t open[] = {(uint32_t)name, MODE_WRITE_BINARY, sizeof name - 1};
    const uint32_t write[] = {ask(SYS_OPEN, open), RUN_START, bytes};
    ask(SYS_WRITE, write);
    ask(SYS_EXIT, (const void *)STOPPED);
    for (;;) {
    }
}

__attribute__((used)) static void run_all(void)
{
    run *r = (run *)RUN_START;
    for (uint32_t i = 0; i < r->calls; i++) {
        const uint32_t *a = r->call[i].argument;
        r->call[i].function(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10],
                            a[11]);
        *(volatile uint32_t *)&r->done = i + 1;
    }
    finish();
}

/* With the FPU and MVE on, by CPACR. */
__attribute__((naked, used)) void Reset_Handler(void)
{
    __asm__ volatile("ldr r0, =0xe000ed88\n\t"
                     "ldr r1, =0x00f00000\n\t"
                     "str r1, [r0]\n\t"
                     "dsb\n\t"
                     "isb\n\t"
                     "b run_all\n\t"
                     ".ltorg\n");
}

typedef union {
    uint32_t address;
    void (*handler)(void);
} vector;

__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    {.address = STACK_TOP}, {.handler = Reset_Handler}, {.handler = finish}, {.handler = finish},
    {.handler = finish},    {.handler = finish},        {.handler = finish}, {.handler = finish},
    {.handler = finish},    {.handler = finish},        {.handler = finish}, {.handler = finish},
    {.handler = finish},    {.handler = finish},        {.handler = finish}, {.handler = finish},
};
