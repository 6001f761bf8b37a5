/* SPDX-License-Identifier: Apache-2.0
 *
 * The core on a computer: it runs the sketch's loop twice.
 */
#include "Arduino.h"

#include <stdio.h>

SerialPort Serial;

void SerialPort::begin(unsigned long baud) { printf("baud %lu\n", baud); }
void SerialPort::print(const char *text) { printf("%s", text); }
void SerialPort::println(uint32_t value) { printf("%u\n", (unsigned)value); }
void delay(unsigned long milliseconds) { printf("wait %lu\n", milliseconds); }

int main()
{
    setup();
    loop();
    loop();
    return 0;
}
