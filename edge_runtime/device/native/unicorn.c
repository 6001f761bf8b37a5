/* SPDX-License-Identifier: Apache-2.0 */
/* What Unicorn calls while it runs: the counter of blocks, and the registers of peripherals. */
#include "counter.h"

typedef int (*er_stop)(void *emulator); /* uc_emu_stop */

typedef struct {
    er_counter *counter;
    er_stop stop;
} er_watch;

/* Stops the emulator before a block when the fuel is used up; it comes back here when resumed. */
void er_on_block(void *emulator, uint64_t address, uint32_t size, void *user)
{
    er_watch *watch = user;
    if (watch->counter->fuel <= 0) {
        watch->stop(emulator);
        return;
    }
    watch->counter->fuel -= size;
    er_count(watch->counter, (uint32_t)address, size);
}

typedef int (*er_register)(void *emulator, int number, void *value); /* uc_reg_read, uc_reg_write */

typedef struct {
    const er_counter *counter;
    uint64_t *bytes; /* read by the code of each bucket */
    er_register read, write;
    int status; /* the number of XPSR */
} er_reads;

/* Bits of XPSR that tell which instructions of an IT block are left. */
static const uint32_t IT_STATE = 0x0600fc00;

/* Adds up what loads read. At a load within an IT block Unicorn 2.1 brings the state of the block to
 * XPSR for a hook, and leaves it there; what is run after the block would then be taken for its rest.
 * The code of the block itself does not look there. */
void er_on_read(void *emulator, int kind, uint64_t address, int size, int64_t value, void *user)
{
    er_reads *reads = user;
    uint32_t status = 0;
    if (reads->read(emulator, reads->status, &status) == 0 && (status & IT_STATE) != 0) {
        status &= ~IT_STATE;
        reads->write(emulator, reads->status, &status);
    }
    (void)kind;
    (void)address;
    (void)value;
    reads->bytes[reads->counter->bucket] += (uint64_t)size;
}

/* Registers that hold what was last written to them. */
uint64_t er_read(void *emulator, uint64_t offset, unsigned size, void *user)
{
    (void)emulator;
    (void)size;
    return ((uint32_t *)user)[offset >> 2];
}

void er_write(void *emulator, uint64_t offset, unsigned size, uint64_t value, void *user)
{
    (void)emulator;
    (void)size;
    ((uint32_t *)user)[offset >> 2] = (uint32_t)value;
}

/* A serial port. peripherals.py has the same layout. */
typedef struct {
    uint32_t base;     /* offset of the port in its window of registers */
    uint32_t status;   /* offsets in the port: of what says whether a byte has come in, */
    uint32_t free;     /* and of what says that one can be sent */
    uint32_t receive;
    uint32_t transmit;
    uint32_t ready;    /* bits of the status: a byte has come in, */
    uint32_t empty;    /* none has, */
    uint32_t idle;     /* and what is always set */
    uint32_t patience; /* looks for a byte that is not there before the emulator stops */
    uint32_t polls;
    uint32_t waiting; /* nonzero: it has stopped, for input or for room */
    uint32_t received;
    uint32_t to_receive;
    uint32_t sent;
    uint32_t room;
    const uint8_t *input;
    uint8_t *output;
    uint32_t *values;
    er_stop stop;
} er_port;

static void wait(er_port *port, void *emulator)
{
    port->waiting = 1;
    port->stop(emulator);
}

static uint32_t look(er_port *port, void *emulator)
{
    if (port->received < port->to_receive) {
        return port->idle | port->ready;
    }
    if (++port->polls > port->patience) {
        wait(port, emulator);
    }
    return port->idle | port->empty;
}

uint64_t er_port_read(void *emulator, uint64_t offset, unsigned size, void *user)
{
    er_port *port = user;
    if (offset == port->base + port->status) {
        return look(port, emulator);
    }
    if (offset == port->base + port->free) {
        return 1;
    }
    if (offset == port->base + port->receive) {
        return port->received < port->to_receive ? port->input[port->received++] : 0;
    }
    return er_read(emulator, offset, size, port->values);
}

void er_port_write(void *emulator, uint64_t offset, unsigned size, uint64_t value, void *user)
{
    er_port *port = user;
    if (offset != port->base + port->transmit) {
        er_write(emulator, offset, size, value, port->values);
        return;
    }
    port->polls = 0;
    port->output[port->sent++] = (uint8_t)value;
    if (port->sent == port->room) {
        wait(port, emulator);
    }
}
