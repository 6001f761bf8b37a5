/* SPDX-License-Identifier: Apache-2.0
 *
 * As much of Arduino's core as the example sketch uses.
 */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stdint.h>

class SerialPort {
public:
    void begin(unsigned long baud);
    void print(const char *text);
    void println(uint32_t value);
};

extern SerialPort Serial;

void delay(unsigned long milliseconds);
void setup();
void loop();

#endif
