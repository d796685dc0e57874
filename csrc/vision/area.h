// Averages over the part of the frame that an output pixel covers, as runs of samples.
#ifndef EDGECORE_VISION_AREA_H
#define EDGECORE_VISION_AREA_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/geometry.h"
#include "vision/preprocess_tables.h"
#include "vision/taps.h"

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
    double total = 1.0;
    std::vector<RowTap> taps; // of a side that does not shrink; kept for their memory
};

void area_runs(const Axis& axis, int group, Chroma chroma, Runs* out);

// The tables of a line.
struct AreaLine {
    Runs columns_covered;
    Runs rows_covered;
    std::vector<AreaRow> rows;
    std::vector<int32_t> first;
    std::vector<int32_t> count;
    std::vector<int16_t> head;
    std::vector<int16_t> tail;
    std::vector<int32_t> begin;
    std::vector<int32_t> end;
    int lanes = 1; // of a column
    AreaTable table{};
};

// From the runs of the line. `offsets` are the channels of the lanes of a column, `step` the bytes
// from sample to sample.
void lay_out_area(int step, const int* offsets, int lanes, AreaLine* line);

// Numbers that are read by whole cache lines.
template <class T>
struct alignas(64) CacheLine {
    static constexpr size_t kCount = 64 / sizeof(T);
    T number[kCount];
};

template <class T>
struct CacheLines {
    std::vector<CacheLine<T>> line;

    void assign(size_t count, T number) {
        CacheLine<T> filled;
        std::fill_n(filled.number, CacheLine<T>::kCount, number);
        line.assign((count + CacheLine<T>::kCount - 1) / CacheLine<T>::kCount, filled);
    }
    T* data() noexcept { return line.data()->number; }
};

// The same for a kernel's windows.
struct AreaWindows {
    std::vector<int32_t> start;
    CacheLines<uint16_t> index;
    CacheLines<int16_t> weight;
};

void lay_out_area_windows(const AreaLine& line, const WindowShape& shape, AreaWindows* out,
                          AreaTable* table);

} // namespace edgecore

#endif
