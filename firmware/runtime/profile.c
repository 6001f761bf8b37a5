/* SPDX-License-Identifier: Apache-2.0 */
#ifdef MODEL_PROFILE
#include "profile.h"

#include "frame.h"
#include "model.h"
#include "port.h"

static uint64_t figures[MODEL_LAYERS + 1u];
static uint64_t run_begun;
static uint64_t layer_begun;
static uint32_t read_cost; /* cycles from one reading of the counter to the next, at least */
static uint32_t gathers;

static uint32_t least_between_readings(void)
{
    uint64_t least = UINT32_MAX;
    for (uint32_t i = 0; i < 8; ++i) {
        uint64_t first = port_cycles();
        uint64_t between = port_cycles() - first;
        if (between < least) {
            least = between;
        }
    }
    return (uint32_t)least;
}

_Bool profile_start(uint32_t what)
{
    gathers = PROFILE_NOTHING;
    if (what == PROFILE_TOTAL || what == PROFILE_LAYERS) {
        if (port_cycles_start() == PORT_NO_COUNTER) {
            return 0;
        }
        read_cost = least_between_readings();
    }
    gathers = what;
    return 1;
}

void profile_clear(void)
{
    for (uint32_t i = 0; i <= MODEL_LAYERS; ++i) {
        figures[i] = 0;
    }
}

uint64_t profile_figure(uint32_t index) { return index <= MODEL_LAYERS ? figures[index] : 0; }

static void add_cycles_since(uint64_t begun, uint32_t index)
{
    uint64_t taken = port_cycles() - begun;
    figures[index] += taken > read_cost ? taken - read_cost : 0;
}

/* Of the port: raises and lowers a pin for a power monitor. By default there is none. */
__attribute__((weak)) void port_mark(bool running) { (void)running; }

void profile_run_begin(void)
{
    port_mark(true);
    if (gathers == PROFILE_TOTAL) {
        run_begun = port_cycles();
    }
}

void profile_run_end(void)
{
    if (gathers == PROFILE_TOTAL) {
        add_cycles_since(run_begun, MODEL_LAYERS);
    }
    port_mark(false);
}

void profile_layer_begin(void)
{
    if (gathers == PROFILE_LAYERS) {
        layer_begun = port_cycles();
    }
}

void profile_layer_end(uint32_t index)
{
    if (gathers == PROFILE_LAYERS) {
        add_cycles_since(layer_begun, index);
    }
}

void profile_layer_made(uint32_t index, const void *data, uint32_t bytes)
{
    if (gathers == PROFILE_CHECKSUMS) {
        figures[index] = frame_crc32((uint32_t)figures[index], data, bytes);
    }
}

#else
typedef int no_translation_unit_is_empty;
#endif
