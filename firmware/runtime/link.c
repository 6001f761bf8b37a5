/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include "board.h"
#include "frame.h"
#include "model.h"
#include "port.h"
#ifdef MODEL_PROFILE
#include "profile.h"
#endif

#define ANSWER 0x80u
#define STARTED_KIND 0xFEu
#define FAULT_KIND 0xFFu
#define BUILD_ID_BYTES 8u
#define DATA_MAX (FRAME_BODY_MAX - 1u) /* behind the status */
#define STACK_PAINT 0xA5A5C3C3u

typedef struct {
    const uint8_t *body;
    uint32_t length;
    uint8_t *data; /* of the answer */
    uint32_t data_length;
} exchange;

extern uint32_t __stack_limit[];
extern uint32_t __stack_top[];
extern uint32_t __model_code_start[], __model_code_end[];
extern uint32_t __data_start[], __data_end[];
extern uint32_t __model_ram_start[], __model_ram_end[];
extern const uint8_t __build_id[]; /* the linker's hash of the image */

static bool clock_was_reached;
static bool was_identified; /* since the start */
static uint32_t stack_used;
static uint8_t request[FRAME_BUFFER];
static uint8_t reply[FRAME_MAX + FRAME_CRC];

static inline uint32_t *stack_pointer(void)
{
    uint32_t *pointer;
#if defined(__riscv)
    __asm__ volatile("mv %0, sp" : "=r"(pointer));
#else
    __asm__ volatile("mov %0, sp" : "=r"(pointer));
#endif
    return pointer;
}

/* Paints the stack below its own frame. No call may stand in the loop: `volatile` keeps compilers
 * from making it one of memset. */
__attribute__((noinline)) void link_run(void)
{
    volatile uint32_t *end = stack_pointer();
    for (volatile uint32_t *word = __stack_limit; word < end; ++word) {
        *word = STACK_PAINT;
    }
#ifdef MODEL_PROFILE
    profile_run_begin();
    model_invoke();
    profile_run_end();
#else
    model_invoke();
#endif
}

/* The stack pointer here is the one at link_run's entry, as the call passes nothing by the stack
 * and is not the last thing done. */
static uint8_t run_and_look(void)
{
    const uint32_t *entry = stack_pointer();
    link_run();
    const volatile uint32_t *word = __stack_limit;
    while (word < entry && *word == STACK_PAINT) {
        ++word;
    }
    stack_used = (uint32_t)((uintptr_t)entry - (uintptr_t)word);
    /* Below the room for the stack lies the model's memory, which it would have overwritten. */
    return word == __stack_limit ? LINK_STACK_OVERFLOW : LINK_OK;
}

#ifdef MODEL_PROFILE
#define GATHER_MORE 0x80u

static uint8_t run(exchange *x)
{
    uint32_t what = x->length > 0 ? x->body[0] & ~GATHER_MORE : (uint32_t)PROFILE_NOTHING;
    if (x->length > 1 || what > PROFILE_CHECKSUMS) {
        return LINK_BAD_ARGUMENT;
    }
    if (!profile_start(what)) {
        return LINK_NO_COUNTER;
    }
    if (x->length > 0 && (x->body[0] & GATHER_MORE) == 0) {
        profile_clear();
    }
    return run_and_look();
}
#else
static uint8_t run(exchange *x) { return x->length > 0 ? (uint8_t)LINK_BAD_ARGUMENT : run_and_look(); }
#endif

static void append(exchange *x, uint32_t count, uint32_t value)
{
    frame_store(x->data + x->data_length, count, value);
    x->data_length += count;
}

static void append_name(exchange *x, const char *name, uint32_t room)
{
    for (uint32_t i = 0; i + 1 < room && name[i] != 0; ++i) {
        append(x, 1, (uint8_t)name[i]);
    }
    append(x, 1, 0);
}

static uint8_t identify(exchange *x)
{
    const uint32_t fixed = 16u + BUILD_ID_BYTES + 4u * (MODEL_INPUTS + MODEL_OUTPUTS) + (uint32_t)sizeof BOARD_NAME;
    if (fixed >= DATA_MAX) {
        return LINK_TOO_LONG;
    }
    append(x, 2, LINK_PROTOCOL);
    append(x, 4, link_clock_hz());
    append(x, 1, clock_was_reached);
    append(x, 1, MODEL_INPUTS);
    append(x, 1, MODEL_OUTPUTS);
    append(x, 2, MODEL_LAYERS);
    append(x, 1, LINK_PROFILES | LINK_LAYERWISE);
    for (uint32_t i = 0; i < BUILD_ID_BYTES; ++i) {
        append(x, 1, __build_id[i]);
    }
    for (uint32_t i = 0; i < MODEL_INPUTS; ++i) {
        append(x, 4, model_input_bytes(i));
    }
    for (uint32_t i = 0; i < MODEL_OUTPUTS; ++i) {
        append(x, 4, model_output_bytes(i));
    }
    append(x, 4, (uint32_t)((uintptr_t)__stack_top - (uintptr_t)__stack_limit));
    append_name(x, BOARD_NAME, (uint32_t)sizeof BOARD_NAME);
    append_name(x, model_name(), DATA_MAX - x->data_length);
    was_identified = true;
    return LINK_OK;
}

static uint8_t memory_map(exchange *x)
{
    const uint32_t *const bounds[] = {__model_code_start, __model_code_end, __data_start,    __data_end,
                                      __model_ram_start,  __model_ram_end,  __stack_limit, __stack_top};
    for (uint32_t i = 0; i < sizeof bounds / sizeof bounds[0]; ++i) {
        append(x, 4, (uint32_t)(uintptr_t)bounds[i]);
    }
    return LINK_OK;
}

#ifdef MODEL_PROFILE
static void append_long(exchange *x, uint64_t value)
{
    append(x, 4, (uint32_t)value);
    append(x, 4, (uint32_t)(value >> 32));
}

/* Started once, so that differences between two answers are cycles, and left on: a run that counts
 * starts it again. */
static uint8_t read_counter(exchange *x)
{
    static uint32_t counter = PORT_NO_COUNTER;
    if (x->length != 1) {
        return LINK_BAD_ARGUMENT;
    }
    if (x->body[0] != 0) {
        counter = port_cycles_start();
    }
    append(x, 1, counter);
    append_long(x, counter == PORT_NO_COUNTER ? 0 : port_cycles());
    return LINK_OK;
}

static uint8_t figures(exchange *x)
{
    if (x->length != 4) {
        return LINK_BAD_ARGUMENT;
    }
    const uint32_t first = frame_load(x->body, 2), count = frame_load(x->body + 2, 2);
    if (first + count > MODEL_LAYERS + 1u) {
        return LINK_BAD_ARGUMENT;
    }
    if (8u * count > DATA_MAX) {
        return LINK_TOO_LONG;
    }
    for (uint32_t i = 0; i < count; ++i) {
        append_long(x, profile_figure(first + i));
    }
    return LINK_OK;
}
#endif

static bool lies_within(uint32_t offset, uint32_t count, uint32_t size)
{
    return offset <= size && count <= size - offset;
}

static uint8_t write(exchange *x)
{
    if (x->length < 5 || x->body[0] >= MODEL_INPUTS) {
        return LINK_BAD_ARGUMENT;
    }
    uint32_t offset = frame_load(x->body + 1, 4);
    uint32_t count = x->length - 5;
    if (!lies_within(offset, count, model_input_bytes(x->body[0]))) {
        return LINK_BAD_ARGUMENT;
    }
    uint8_t *input = (uint8_t *)model_input(x->body[0]) + offset;
    for (uint32_t i = 0; i < count; ++i) {
        input[i] = x->body[5 + i];
    }
    return LINK_OK;
}

static uint8_t read(exchange *x)
{
    if (x->length != 7 || x->body[0] >= MODEL_OUTPUTS) {
        return LINK_BAD_ARGUMENT;
    }
    uint32_t offset = frame_load(x->body + 1, 4);
    uint32_t count = frame_load(x->body + 5, 2);
    if (!lies_within(offset, count, model_output_bytes(x->body[0]))) {
        return LINK_BAD_ARGUMENT;
    }
    if (count > DATA_MAX) {
        return LINK_TOO_LONG;
    }
    const uint8_t *output = (const uint8_t *)model_output(x->body[0]) + offset;
    for (uint32_t i = 0; i < count; ++i) {
        append(x, 1, output[i]);
    }
    return LINK_OK;
}

#ifdef MODEL_LAYERWISE
/* For comparing layers one by one: see edge_runtime/diff.py. */

static uint8_t poison(exchange *x)
{
    if (x->length != 1) {
        return LINK_BAD_ARGUMENT;
    }
    uint8_t *memory = model_memory(0);
    for (uint32_t i = 0; i < MODEL_ARENA_BYTES; ++i) {
        memory[i] = x->body[0];
    }
    return LINK_OK;
}

static uint8_t run_layer(exchange *x)
{
    if (x->length != 2 || frame_load(x->body, 2) >= MODEL_LAYERS) {
        return LINK_BAD_ARGUMENT;
    }
    model_run_layer(frame_load(x->body, 2));
    return LINK_OK;
}

static uint8_t peek(exchange *x)
{
    if (x->length != 7 || x->body[0] > 1) {
        return LINK_BAD_ARGUMENT;
    }
    const uint32_t offset = frame_load(x->body + 1, 4), count = frame_load(x->body + 5, 2);
    if (!lies_within(offset, count, x->body[0] == 0 ? MODEL_ARENA_BYTES : MODEL_STATE_BYTES)) {
        return LINK_BAD_ARGUMENT;
    }
    if (count > DATA_MAX) {
        return LINK_TOO_LONG;
    }
    for (uint32_t i = 0; i < count; ++i) {
        append(x, 1, model_memory(x->body[0])[offset + i]);
    }
    return LINK_OK;
}
#endif

static uint8_t answer(uint8_t kind, exchange *x)
{
    if (kind != LINK_IDENTIFY && !was_identified) {
        return LINK_NOT_IDENTIFIED;
    }
    switch (kind) {
    case LINK_IDENTIFY:
        return identify(x);
    case LINK_WRITE:
        return write(x);
    case LINK_RUN:
        return run(x);
    case LINK_READ:
        return read(x);
    case LINK_RESET:
        model_reset();
        return LINK_OK;
    case LINK_STACK:
        append(x, 4, stack_used);
        return LINK_OK;
    case LINK_MAP:
        return memory_map(x);
#ifdef MODEL_PROFILE
    case LINK_COUNTER:
        return read_counter(x);
    case LINK_FIGURES:
        return figures(x);
#endif
#ifdef MODEL_LAYERWISE
    case LINK_POISON:
        return poison(x);
    case LINK_RUN_LAYER:
        return run_layer(x);
    case LINK_PEEK:
        return peek(x);
#endif
    default:
        return LINK_UNKNOWN_KIND;
    }
}

__attribute__((weak)) const bool link_starts_silently = false;

__attribute__((weak)) bool link_text(uint8_t byte)
{
    (void)byte;
    return false;
}

/* The length of the next frame, in `request`. */
static uint32_t receive(void)
{
    frame_reader reader = {request, 0};
    uint32_t length = 0;
    while (length == 0) {
        uint8_t byte = port_getc();
        if (link_text(byte)) {
            reader.count = 0;
        } else {
            length = frame_take(&reader, byte);
        }
    }
    return length;
}

uint32_t link_clock_hz(void) { return clock_was_reached ? BOARD_CLOCK_HZ : BOARD_FALLBACK_HZ; }

static void send_status(uint8_t kind, uint8_t status, uint32_t data_length)
{
    reply[0] = kind;
    reply[1] = 0;
    reply[2] = status;
    frame_send(reply, FRAME_HEAD + 1 + data_length);
}

void link_serve(bool clock_reached)
{
    uint8_t last_kind = 0;
    uint8_t last_sequence = 0;
    uint8_t last_status = LINK_OK;
    clock_was_reached = clock_reached;
    if (!link_starts_silently) {
        send_status(STARTED_KIND, LINK_OK, 0);
    }
    for (;;) {
        uint32_t length = receive();
        uint8_t kind = request[0];
        uint8_t sequence = request[1];
        bool repeated = (kind == LINK_RUN || kind == LINK_RUN_LAYER) && last_kind == kind && last_sequence == sequence;
        exchange x = {request + FRAME_HEAD, length - FRAME_HEAD, reply + FRAME_HEAD + 1, 0};
        last_status = repeated ? last_status : answer(kind, &x);
        reply[0] = (uint8_t)(kind | ANSWER);
        reply[1] = sequence;
        reply[2] = last_status;
        frame_send(reply, FRAME_HEAD + 1 + x.data_length);
        last_kind = kind;
        last_sequence = sequence;
    }
}

void link_fault(const uint32_t *stacked)
{
    exchange x = {0, 0, reply + FRAME_HEAD + 1, 0};
    for (uint32_t i = 0; i < 8; ++i) {
        append(&x, 4, stacked[i]);
    }
    for (uint32_t i = 0; i < 4; ++i) {
        /* CFSR, HFSR, MMFAR, BFAR: Armv7-M and Armv8-M architecture reference manuals. */
        static const uint16_t registers[4] = {0xED28, 0xED2C, 0xED34, 0xED38};
        append(&x, 4, BOARD_HAS_FAULT_STATUS ? REG(0xE0000000u + registers[i]) : 0);
    }
    for (;;) {
        send_status(FAULT_KIND, LINK_FAULT, x.data_length);
        receive();
    }
}
