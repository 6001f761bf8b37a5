/* SPDX-License-Identifier: Apache-2.0
 *
 * MLPerf Tiny's serial protocol, beside the link on the same port: docs/mlperf-tiny.md lists it.
 *
 * A command is text up to '%'. It is told from a frame of the link by its first two bytes: a frame's
 * second byte is its kind, which is no printable character.
 */
#include "link.h"
#include "mlperf_model.h"
#include "model.h"
#include "port.h"

#define COMMAND_MAX 80u
#define FIRMWARE_VERSION "ULPMark for tinyML Firmware V0.0.1" /* what the benchmark's own says */
#define DEFAULT_WARMUP 10u
#define BYTES_A_LINE 8u

/* No frame when the firmware starts: a host would take it for a piece of its first answer. */
const bool link_starts_silently = true;

static union {
    mlperf_wire values[MLPERF_ELEMENTS];
    uint8_t bytes[MLPERF_WIRE_BYTES];
} received;
static uint32_t expected; /* bytes, by the last `db load` */
static uint32_t stored;
static float results[MLPERF_RESULTS];
static bool has_results;

/* The input as the model takes it is made of what was received before every inference, as a model may
 * write over its input. */
#if MLPERF_WIRE_IS_FLOAT
static mlperf_input converted[MLPERF_ELEMENTS];
#define CONVERTED(i) converted[i]
#else
static mlperf_input by_byte[256];
#define CONVERTED(i) by_byte[received.bytes[i]]
#endif

static void put_text(const char *text)
{
    while (*text != 0) {
        port_putc((uint8_t)*text++);
    }
}

static void put_line(const char *text)
{
    put_text(text);
    put_text("\r\n");
}

static void put_number(uint64_t value)
{
    char digits[21];
    uint32_t at = sizeof digits - 1;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + (uint32_t)(value % 10u));
        value /= 10u;
    } while (value > 0);
    put_text(digits + at);
}

static void put_hex(uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    port_putc((uint8_t)digits[byte >> 4]);
    port_putc((uint8_t)digits[byte & 15]);
}

/* Six decimals. */
static void put_float(float value)
{
    if (!(value > -4e9f && value < 4e9f)) { /* what is no number, too */
        put_text(value > 0 ? "inf" : value < 0 ? "-inf" : "nan");
        return;
    }
    if (value < 0) {
        port_putc('-');
        value = -value;
    }
    uint32_t whole = (uint32_t)value;
    uint32_t millionths = (uint32_t)((value - (float)whole) * 1e6f + 0.5f);
    if (millionths > 999999u) {
        millionths = 0;
        ++whole;
    }
    put_number(whole);
    port_putc('.');
    for (uint32_t unit = 100000u; unit > 0; unit /= 10u) {
        port_putc((uint8_t)('0' + millionths / unit % 10u));
    }
}

static void put_error(const char *what, const char *detail, const char *end)
{
    put_text("e-[");
    put_text(what);
    put_text(detail);
    put_text(end);
    put_line("]");
}

/* Microseconds, 64 bits wide, since the first command that asked for them. */
static bool microseconds(uint64_t *now)
{
    static bool counts;
    counts = counts || port_cycles_start() != PORT_NO_COUNTER;
    if (!counts) {
        return false;
    }
    const uint64_t cycles = port_cycles(), hz = link_clock_hz();
    *now = cycles / hz * 1000000u + cycles % hz * 1000000u / hz;
    return true;
}

static void put_lap(uint64_t now)
{
    put_text("m-lap-us-");
    put_number(now);
    put_line("");
}

/* The next word of a command, ended by a zero; empty at its end. */
static char *next_word(char **rest)
{
    char *word = *rest;
    while (*word == ' ') {
        ++word;
    }
    char *end = word;
    while (*end != 0 && *end != ' ') {
        ++end;
    }
    *rest = *end == 0 ? end : end + 1;
    *end = 0;
    return word;
}

static bool is(const char *a, const char *b)
{
    while (*a != 0 && *a == *b) {
        ++a;
        ++b;
    }
    return *a == *b;
}

/* A decimal number, up to the first character that is no digit; at most UINT32_MAX. */
static uint32_t number(const char *text)
{
    uint64_t value = 0;
    for (; *text >= '0' && *text <= '9'; ++text) {
        value = value * 10u + (uint32_t)(*text - '0');
        value = value > UINT32_MAX ? UINT32_MAX : value;
    }
    return (uint32_t)value;
}

/* 16 where it is no hexadecimal digit. */
static uint32_t digit(char c)
{
    if (c >= '0' && c <= '9') {
        return (uint32_t)(c - '0');
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10u : 16u;
}

static void convert_input(void)
{
#if MLPERF_WIRE_IS_FLOAT
    for (uint32_t i = 0; i < MLPERF_ELEMENTS; ++i) {
        converted[i] = mlperf_to_input(received.values[i]);
    }
#else
    for (uint32_t i = 0; i < 256; ++i) {
        by_byte[i] = mlperf_to_input(((float)(mlperf_wire)i - MLPERF_WIRE_ZERO) * MLPERF_WIRE_SCALE);
    }
#endif
}

static void infer_once(void)
{
    mlperf_input *input = model_input(0);
    for (uint32_t i = 0; i < MLPERF_ELEMENTS; ++i) {
        input[i] = CONVERTED(i);
    }
    model_invoke();
}

static void keep_results(void)
{
    const mlperf_output *output = model_output(0);
#if MLPERF_IS_ANOMALY
    /* The mean squared difference of what the model makes and the input, before its quantization. */
    float sum = 0;
    for (uint32_t i = 0; i < MLPERF_ELEMENTS; ++i) {
        const float difference = mlperf_from_output(output[i]) - received.values[i];
        sum += difference * difference;
    }
    results[0] = sum / (float)MLPERF_ELEMENTS;
#else
    for (uint32_t i = 0; i < MLPERF_RESULTS; ++i) {
        results[i] = mlperf_from_output(output[i]);
    }
#endif
    has_results = true;
}

static void put_results(void)
{
    if (!has_results) {
        put_error("No results: use infer first", "", "");
        return;
    }
    put_text("m-results-[");
    for (uint32_t i = 0; i < MLPERF_RESULTS; ++i) {
        if (i > 0) {
            port_putc(',');
        }
        put_float(results[i]);
    }
    put_line("]");
}

static void put_count(const char *what, uint32_t count)
{
    put_text(what);
    put_number(count);
    put_line("");
}

/* Nothing is inferred from an input that is not there: its result would look like one. */
static void infer(char *rest)
{
    const char *first = next_word(&rest), *second = next_word(&rest);
    const uint32_t count = *first == 0 ? 1u : number(first);
    const uint32_t warmup = *second == 0 ? DEFAULT_WARMUP : number(second);
    uint64_t begun = 0, ended = 0;
    if (count == 0) {
        put_error("Inference iterations must be >0", "", "");
        return;
    }
    if (*second == '-') {
        put_error("Inference warmup must be >=0", "", "");
        return;
    }
    if (stored != MLPERF_WIRE_BYTES) {
        put_text("Input db has ");
        put_number(stored / sizeof(mlperf_wire));
        put_text(" elemented, expected ");
        put_number(MLPERF_ELEMENTS);
        put_line("");
        return;
    }
    convert_input();
    put_count("m-warmup-start-", warmup);
    for (uint32_t i = 0; i < warmup; ++i) {
        infer_once();
    }
    put_line("m-warmup-done");
    put_count("m-infer-start-", count);
    const bool timed = microseconds(&begun);
    for (uint32_t i = 0; i < count; ++i) {
        infer_once();
        (void)microseconds(&ended); /* a counter of 32 bits is read before it wraps */
    }
    if (timed) { /* both here, so that sending them takes no time of it */
        put_lap(begun);
        put_lap(ended);
    } else {
        put_error("No counter of cycles moves: there is no time to give", "", "");
    }
    put_line("m-infer-done");
    keep_results();
    put_results();
}

static void db_load(const char *size)
{
    const uint32_t bytes = number(size);
    if (*size == 0) {
        put_error("Command 'db load' requires the # of bytes", "", "");
    } else if (bytes == 0) {
        put_error("Command 'db load' must be >0 bytes", "", "");
    } else if (bytes > MLPERF_WIRE_BYTES) {
        put_text("Supplied buffer size ");
        put_number(bytes);
        put_count(" exceeds maximum of ", MLPERF_WIRE_BYTES);
    } else {
        expected = bytes;
        stored = 0;
        put_text("m-[Expecting ");
        put_number(bytes);
        put_line(" bytes]");
    }
}

static void db_print(void)
{
    for (uint32_t i = 0; i < stored; ++i) {
        put_text(i % BYTES_A_LINE == 0 ? "m-buffer-" : "-");
        put_hex(received.bytes[i]);
        if (i % BYTES_A_LINE == BYTES_A_LINE - 1u || i + 1u == stored) {
            put_line("");
        }
    }
}

/* All digits are looked at before a byte is stored: of a damaged line nothing is taken. */
static void db_store(const char *digits)
{
    uint32_t count = 0;
    for (; digits[count] != 0; ++count) {
        if (digit(digits[count]) > 15u) {
            const char pair[3] = {digits[count & ~1u], digits[count | 1u], 0};
            put_error("Invalid hex digit '", pair, "'");
            return;
        }
    }
    if (count % 2u != 0) {
        put_error("Insufficent number of hex digits", "", ""); /* spelled as the benchmark does */
        return;
    }
    if (stored >= expected) {
        put_error("No bytes are expected: use db load first", "", "");
        return;
    }
    for (uint32_t i = 0; i < count && stored < expected; i += 2) {
        received.bytes[stored++] = (uint8_t)(digit(digits[i]) << 4 | digit(digits[i + 1]));
    }
    if (stored == expected) {
        put_line("m-load-done");
    }
}

static void db(char *rest)
{
    const char *what = next_word(&rest);
    if (*what == 0) {
        put_error("Command 'db' requires a subcommand", "", "");
    } else if (is(what, "load")) {
        db_load(next_word(&rest));
    } else if (is(what, "print")) {
        db_print();
    } else {
        db_store(what);
    }
}

static void help(void)
{
    put_line(FIRMWARE_VERSION);
    put_line("name                        who this is");
    put_line("profile                     firmware and model");
    put_line("timestamp                   microseconds");
    put_line("db load N                   expect N bytes of input");
    put_line("db HH...                    bytes of input, in hexadecimal");
    put_line("db print                    the bytes that have come");
    put_line("infer [N=1] [W=10]          W inferences to warm up, then N that are timed");
    put_line("results                     the last results again");
}

static void timestamp(void)
{
    uint64_t now;
    if (microseconds(&now)) {
        put_lap(now);
    } else {
        put_error("No counter of cycles moves: there is no time to give", "", "");
    }
}

static void execute(char *rest)
{
    const char *word = next_word(&rest);
    if (is(word, "name")) {
        put_line("m-name-dut-[" MLPERF_VENDOR "]");
    } else if (is(word, "profile")) {
        put_line("m-profile-[" FIRMWARE_VERSION "]");
        put_line("m-model-[" MLPERF_ID "]");
    } else if (is(word, "timestamp")) {
        timestamp();
    } else if (is(word, "help")) {
        help();
    } else if (is(word, "db")) {
        db(rest);
    } else if (is(word, "infer")) {
        infer(rest);
    } else if (is(word, "results")) {
        put_results();
    } else {
        put_error("Unknown command: ", word, "");
    }
    put_line("m-ready");
}

bool link_text(uint8_t byte)
{
    static char command[COMMAND_MAX + 1u];
    static uint32_t count;
    static bool in_frame;
    if (byte == 0) {
        count = 0;
        in_frame = false;
        return false;
    }
    if (in_frame || byte == '\r' || byte == '\n') {
        return false;
    }
    if (byte == '%') {
        if (count == 0) { /* nothing, or the first byte of a frame */
            return false;
        }
        command[count] = 0;
        count = 0;
        execute(command);
        return true;
    }
    if (byte < ' ' || byte > '~') {
        in_frame = true;
        return false;
    }
    if (count == COMMAND_MAX) { /* what is too long goes over the last place */
        --count;
    }
    command[count++] = (char)byte;
    return false;
}
