/* SPDX-License-Identifier: Apache-2.0 */
#include "er_map.h"

ER_MAP_F32(er_gelu_tanh_f32_ref,
           0.5f * x * (1.0f + er_tanh(0.797884561f * (x + 0.044715f * x * x * x))))
