/* SPDX-License-Identifier: Apache-2.0 */
#include "er_map.h"

ER_MAP_F32(er_exp_f32_ref, er_exp(x))
