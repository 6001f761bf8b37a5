/* SPDX-License-Identifier: Apache-2.0
 *
 * The logistic function and the hyperbolic tangent from int16 to int16, as TensorFlow Lite's
 * int16 LOGISTIC and TANH compute them: tanh(x) = 2 logistic(2 x) - 1, from one table.
 */
#ifndef ER_SIGMOID_H
#define ER_SIGMOID_H

#include <stdint.h>

/* The logistic function at multiples of 1/24 as Q0.16, each value raised by half of what a straight
 * line to the next one is too low by; edge_runtime/ops/sigmoid16.py computes it. */
static const uint16_t er_sigmoid_table[256] = {
    32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149,
    40794, 41432, 42064, 42688, 43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369,
    47911, 48443, 48964, 49475, 49975, 50464, 50942, 51409, 51865, 52311, 52745, 53169,
    53581, 53983, 54374, 54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433,
    57724, 58007, 58280, 58544, 58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370,
    60565, 60753, 60935, 61110, 61279, 61441, 61599, 61750, 61896, 62036, 62172, 62302,
    62428, 62549, 62666, 62778, 62886, 62990, 63090, 63186, 63279, 63368, 63454, 63536,
    63615, 63691, 63765, 63835, 63903, 63968, 64030, 64090, 64148, 64204, 64257, 64308,
    64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652, 64687, 64721, 64754, 64786,
    64816, 64845, 64873, 64900, 64926, 64950, 64974, 64997, 65019, 65039, 65060, 65079,
    65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208, 65221, 65234, 65246, 65258,
    65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360, 65367,
    65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433,
    65438, 65442, 65445, 65449, 65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474,
    65476, 65479, 65481, 65483, 65485, 65488, 65489, 65491, 65493, 65495, 65497, 65498,
    65500, 65501, 65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513,
    65514, 65515, 65516, 65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522,
    65523, 65523, 65524, 65524, 65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528,
    65528, 65528, 65529, 65529, 65529, 65529, 65530, 65530, 65530, 65530, 65531, 65531,
    65531, 65531, 65531, 65532, 65532, 65532, 65532, 65532, 65532, 65533, 65533, 65533,
    65533, 65533, 65533, 65533, 65533, 65534, 65534, 65534, 65534, 65534, 65534, 65534,
    65534, 65534, 65534, 65535,
};

/* The table at magnitude / 2^bits, with `bits` more bits. */
static inline uint32_t er_sigmoid_between(uint32_t magnitude, uint32_t bits)
{
    const uint16_t *at = er_sigmoid_table + (magnitude >> bits);
    const uint32_t offset = magnitude & ((1u << bits) - 1);
    return ((uint32_t)at[0] << bits) + offset * (uint32_t)(at[1] - at[0]);
}

/* The logistic function of x / 3 / 2^12, as Q0.15. */
static inline int16_t er_sigmoid16(int32_t x)
{
    const uint32_t magnitude = (uint32_t)(x < 0 ? -x : x);
    const uint32_t result =
        magnitude >> 9 >= 255 ? 0x7fffu << 10 : er_sigmoid_between(magnitude, 9);
    return (int16_t)((x >= 0 ? result + (1u << 9) : (1u << 25) - result + (1u << 9) - 1) >> 10);
}

/* The hyperbolic tangent of x / 3 / 2^12, as Q0.15. */
static inline int16_t er_tanh16(int32_t x)
{
    const uint32_t magnitude = (uint32_t)(x < 0 ? -x : x);
    const uint32_t found =
        magnitude >> 8 >= 255 ? 0xffffu << 8 : er_sigmoid_between(magnitude, 8);
    const int32_t result = (int32_t)found - (1 << 23);
    return (int16_t)((x >= 0 ? result + (1 << 7) : -result + (1 << 7) - 1) >> 8);
}

#endif
