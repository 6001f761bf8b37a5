/* SPDX-License-Identifier: Apache-2.0
 *
 * The first eight bytes of an ESP32-C3's flash, by which its boot ROM knows an image to map and run
 * in place; it jumps to what stands behind them. Source: README of espressif's
 * esp32c3-direct-boot-example.
 */
#include <stdint.h>

extern const uint32_t direct_boot[2];

__attribute__((section(".boot"), used)) const uint32_t direct_boot[2] = {0xAEDB041Du, 0xAEDB041Du};
