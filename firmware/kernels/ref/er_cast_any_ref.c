/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"
#include "er_nearest.h"

/* A number on its way from one type to another: a float, or the lower bits of an integer. */
typedef struct {
    float real;
    int32_t whole;
} number;

static number load(const void *input, uint32_t index, uint32_t type)
{
    number value = {0.0f, 0};
    switch (type) {
    case ER_TYPE_F32:
        value.real = ((const float *)input)[index];
        return value;
    case ER_TYPE_S8:
        value.whole = ((const int8_t *)input)[index];
        break;
    case ER_TYPE_S16:
        value.whole = ((const int16_t *)input)[index];
        break;
    case ER_TYPE_S32:
        value.whole = ((const int32_t *)input)[index];
        break;
    default:
        value.whole = ((const uint8_t *)input)[index];
    }
    value.real = (float)value.whole;
    return value;
}

static void store(void *output, uint32_t index, uint32_t type, number value)
{
    switch (type) {
    case ER_TYPE_F32:
        ((float *)output)[index] = value.real;
        break;
    case ER_TYPE_S8:
        ((int8_t *)output)[index] = (int8_t)value.whole;
        break;
    case ER_TYPE_S16:
        ((int16_t *)output)[index] = (int16_t)value.whole;
        break;
    case ER_TYPE_S32:
        ((int32_t *)output)[index] = value.whole;
        break;
    case ER_TYPE_BOOL:
        ((uint8_t *)output)[index] = value.real != 0.0f;
        break;
    default:
        ((uint8_t *)output)[index] = (uint8_t)value.whole;
    }
}

/* Towards zero, saturating at the ends of the type; 0 for what is no number. */
static int32_t truncated(float value, uint32_t type)
{
    static const float low[] = {0.0f, -128.0f, 0.0f, -32768.0f, -2147483648.0f, 0.0f};
    static const float high[] = {0.0f, 127.0f, 255.0f, 32767.0f, 2147483520.0f, 0.0f};
    if (value > high[type]) {
        return type == ER_TYPE_S32 ? INT32_MAX : (int32_t)high[type];
    }
    return value > low[type] ? (int32_t)value : value == value ? (int32_t)low[type] : 0;
}

void er_cast_any_ref(const er_cast *p, const void *input, void *output, void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        number value = load(input, i, p->from);
        if (p->from == ER_TYPE_F32 && p->to != ER_TYPE_F32 && p->to != ER_TYPE_BOOL) {
            value.whole = truncated(value.real, p->to);
        }
        store(output, i, p->to, value);
    }
}
