/* SPDX-License-Identifier: Apache-2.0
 *
 * Applies functions of er_math.h to the floats of a file. argv: function, in, out. The file holds
 * pairs (x, y); functions of one argument take x.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "er_math.h"

#define UNARY(name)                                                                               \
    static float apply_##name(float x, float y)                                                   \
    {                                                                                             \
        (void)y;                                                                                  \
        return er_##name(x);                                                                      \
    }
#define FUNCTIONS(one, two)                                                                       \
    one(ceil) one(cos) one(erf) one(exp) one(expm1) one(floor) two(fmod) one(log) one(log1p)      \
        one(logistic) two(pow) one(round) one(sin) one(softplus) one(sqrt) one(tanh)
#define NOTHING(name)
#define ONE(name) {#name, apply_##name},
#define TWO(name) {#name, er_##name},

FUNCTIONS(UNARY, NOTHING)

static const struct {
    const char *name;
    float (*apply)(float x, float y);
} functions[] = {FUNCTIONS(ONE, TWO)};

int main(int argc, char **argv)
{
    float pair[2];
    size_t index = 0;
    if (argc != 4) {
        return 2;
    }
    while (strcmp(functions[index].name, argv[1]) != 0) {
        if (++index == sizeof functions / sizeof *functions) {
            return 3;
        }
    }
    FILE *in = fopen(argv[2], "rb"), *out = fopen(argv[3], "wb");
    if (in == NULL || out == NULL) {
        return 4;
    }
    while (fread(pair, sizeof pair, 1, in) == 1) {
        const float made = functions[index].apply(pair[0], pair[1]);
        if (fwrite(&made, sizeof made, 1, out) != 1) {
            return 5;
        }
    }
    fclose(in);
    return fclose(out);
}
