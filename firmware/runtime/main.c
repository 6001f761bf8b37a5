/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"
#include "model.h"
#include "port.h"

int main(void)
{
    bool clock_reached = port_init();
    model_reset();
    link_serve(clock_reached);
}
