/* SPDX-License-Identifier: Apache-2.0 */
#include "er_map.h"

ER_MAP_F32(er_sign_f32_ref, (float)((x > 0.0f) - (x < 0.0f)))
