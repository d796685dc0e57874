#ifndef EC_FIRMWARE_TEXT_LINE_H
#define EC_FIRMWARE_TEXT_LINE_H

/* A line of text made piece by piece, without printf. What does not fit is left out; a line that
 * was ended keeps its end. */

#include <stddef.h>
#include <stdint.h>

#define EC_TEXT_LINE_BYTES 256u

typedef struct {
    uint16_t length;
    char text[EC_TEXT_LINE_BYTES]; /* no terminating zero */
} ec_text_line;

void ec_text_clear(ec_text_line* line);
void ec_text_add(ec_text_line* line, const char* text);
void ec_text_add_unsigned(ec_text_line* line, uint64_t value);
/* "-0.250" for -250. */
void ec_text_add_thousandths(ec_text_line* line, int32_t value);
/* Two lower-case digits. */
void ec_text_add_hex(ec_text_line* line, uint8_t value);
/* CR LF. */
void ec_text_end(ec_text_line* line);

#endif
