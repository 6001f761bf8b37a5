/* SPDX-License-Identifier: Apache-2.0
 *
 * The block by which the RP2350's boot ROM knows an image for its Arm cores in Secure state: it has
 * to lie in the first 4 KiB of the flash. The words are those of pico-sdk 2.2.0's picobin.h and
 * embedded_start_block.inc.S: marker, image type, end of items, link to itself, marker.
 */
#include <stdint.h>

extern const uint32_t image_def[5];

__attribute__((section(".boot_block"), used)) const uint32_t image_def[5] = {
    0xFFFFDED3u, 0x10210142u, 0x000001FFu, 0u, 0xAB123579u,
};
