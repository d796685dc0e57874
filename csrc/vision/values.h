// From pixel levels to the values of a tensor.
#ifndef EDGECORE_VISION_VALUES_H
#define EDGECORE_VISION_VALUES_H

#include <cstddef>
#include <cstdint>

#include "vision/preprocess_tables.h"

namespace edgecore {

bool parse(const char* name, OutputType* out) noexcept;

size_t size_of(OutputType type) noexcept;

struct ValueOptions {
    OutputType type;
    double mean[3]; // pixel levels, in output channel order
    double std[3];  // the same, not 0
    double scale;   // of integer outputs: real value of one step, > 0; 1 for floats
    int zero_point; // of integer outputs, within the type; 0 for floats
    int pad_value;  // pixel level, 0..255
};

// Fills type, unit, flip, scaling, low, high and zero_point for pixels of `bits` fractional bits.
void lay_out_values(const ValueOptions& options, int bits, PreprocessTables* out) noexcept;

// Fills the padding once lay_out_values is done.
void lay_out_padding(const ValueOptions& options, int bits, PreprocessTables* out) noexcept;

} // namespace edgecore

#endif
