#include "firmware/core/text_line.h"

#define END_BYTES 2u

static void add(ec_text_line* line, char letter) {
    if (line->length < EC_TEXT_LINE_BYTES - END_BYTES)
        line->text[line->length++] = letter;
}

void ec_text_clear(ec_text_line* line) {
    line->length = 0;
}

void ec_text_add(ec_text_line* line, const char* text) {
    for (; *text != '\0'; text++)
        add(line, *text);
}

void ec_text_add_unsigned(ec_text_line* line, uint64_t value) {
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + (char)(value % 10u));
        value /= 10u;
    } while (value > 0);
    while (count > 0)
        add(line, digits[--count]);
}

void ec_text_add_thousandths(ec_text_line* line, int32_t value) {
    uint32_t size = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    if (value < 0)
        add(line, '-');
    ec_text_add_unsigned(line, size / 1000u);
    add(line, '.');
    add(line, (char)('0' + (char)(size / 100u % 10u)));
    add(line, (char)('0' + (char)(size / 10u % 10u)));
    add(line, (char)('0' + (char)(size % 10u)));
}

void ec_text_add_hex(ec_text_line* line, uint8_t value) {
    static const char digits[] = "0123456789abcdef";
    add(line, digits[value >> 4]);
    add(line, digits[value & 15u]);
}

void ec_text_end(ec_text_line* line) {
    if (line->length <= EC_TEXT_LINE_BYTES - END_BYTES) {
        line->text[line->length++] = '\r';
        line->text[line->length++] = '\n';
    }
}
