// Averages over the part of the frame that an output pixel covers, as runs of samples.
#ifndef EDGECORE_VISION_AREA_H
#define EDGECORE_VISION_AREA_H

#include <cstdint>
#include <vector>

#include "vision/geometry.h"
#include "vision/preprocess_tables.h"
#include "vision/taps.h"
#include "vision/windows.h"

namespace edgecore {

// What one output pixel reads along an axis: whole samples, and parts of the one before and after.
struct Run {
    int32_t first; // sample; the one with the head where there is one
    int32_t whole;
    double head; // share of a sample, below 1; 0: there is none
    double tail;
};

// Runs of every output pixel of an axis, and the sum of shares in each.
struct Runs {
    std::vector<Run> run;
    double total;
};

Runs area_runs(const Axis& axis, int group, Chroma chroma);

// The tables of a line.
struct AreaLine {
    std::vector<AreaRow> rows;
    std::vector<int32_t> first;
    std::vector<int32_t> count;
    std::vector<int16_t> head;
    std::vector<int16_t> tail;
    std::vector<int32_t> begin;
    std::vector<int32_t> end;
    AreaTable table{};
};

// `offsets` are the channels of the lanes of a column, `step` the bytes from sample to sample.
void lay_out_area(const Runs& columns, const Runs& rows, int step, const int* offsets, int lanes,
                  AreaLine* out);

// The same for a kernel's windows.
struct AreaWindows {
    Windows windows;
    std::vector<uint16_t> index;
    std::vector<int16_t> weight;
};

void lay_out_area_windows(const AreaLine& line, const WindowShape& shape, AreaWindows* out,
                          AreaTable* table);

} // namespace edgecore

#endif
