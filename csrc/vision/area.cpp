#include "vision/area.h"

#include <algorithm>
#include <cmath>

namespace edgecore {

namespace {

// The largest shift, 0 to `most`, for which `total` shares of `largest` stay below `limit`; -1 if
// none does.
int fitting_bits(double total, double largest, double limit, int most) noexcept {
    for (int bits = most; bits >= 0; --bits)
        if (std::ldexp(total * largest, bits) <= limit)
            return bits;
    return -1;
}

int16_t share(double part, int bits) noexcept {
    return static_cast<int16_t>(std::min(std::lrint(std::ldexp(part, bits)), 32767L));
}

int length(const Run& run) noexcept {
    return run.whole + (run.head > 0.0) + (run.tail > 0.0);
}

Runs covered(const Axis& axis, int group) {
    Runs out;
    const int64_t sample = int64_t{kSubpixels} * axis.picture * group;
    const int64_t size = axis.to - axis.from;
    out.total = static_cast<double>(size) / static_cast<double>(sample);
    for (int i = 0; i < axis.count; ++i) {
        const int64_t index = axis.begin + i;
        const int64_t place = axis.reversed ? axis.picture - 1 - index : index;
        const int64_t near = axis.from * axis.picture + place * size;
        const int64_t far = near + size;
        const int64_t first = near / sample;
        const auto part = [sample](int64_t of) { return static_cast<double>(of) / sample; };
        Run run{static_cast<int32_t>(first), 0, 0.0, 0.0};
        if (far <= (first + 1) * sample) { // within one sample
            run.whole = size == sample;
            run.head = size == sample ? 0.0 : part(size);
        } else {
            const int64_t head = (first + 1) * sample - near;
            const int64_t last = far / sample;
            run.head = head == sample ? 0.0 : part(head);
            run.tail = part(far - last * sample);
            run.whole = static_cast<int32_t>(last - first - (head == sample ? 0 : 1));
        }
        out.run.push_back(run);
    }
    return out;
}

} // namespace

Runs area_runs(const Axis& axis, int group, Chroma chroma) {
    const int grid = chroma == Chroma::bilinear ? group : 1;
    if (axis.to - axis.from > int64_t{kSubpixels} * axis.picture * grid)
        return covered(axis, group);
    Runs out{{}, 1.0};
    std::vector<RowTap> shares;
    taps(axis, group, Interpolation::bilinear, chroma, &shares);
    for (const RowTap& tap : shares) {
        const double second = std::ldexp(tap.weight, -kWeightBits - 1);
        const bool lone = tap.weight == 0;
        out.run.push_back({tap.first, lone ? 1 : 0, lone ? 0.0 : 1.0 - second, second});
    }
    return out;
}

void lay_out_area(const Runs& columns, const Runs& rows, int step, const int* offsets, int lanes,
                  AreaLine* out) {
    for (auto* numbers : {&out->first, &out->count, &out->begin, &out->end})
        numbers->clear();
    out->rows.clear();
    out->head.clear();
    out->tail.clear();
    AreaTable& table = out->table;
    table.step = step;
    table.row_bits = fitting_bits(rows.total, 255.0, 32760.0, 7);
    table.column_bits = fitting_bits(columns.total, 1.0, 65535.0, 14);
    const size_t count = columns.run.size();
    const size_t padded = (count + kColumnPadding - 1) / kColumnPadding * kColumnPadding;
    int64_t widest = 0;
    table.longest = 0;
    for (size_t block = 0; block < padded; block += kColumnPadding) {
        int32_t begin = INT32_MAX, end = 0;
        for (size_t x = block; x < block + kColumnPadding; ++x) {
            const Run& run = columns.run[std::min(x, count - 1)];
            const int32_t first = run.first * step;
            begin = std::min(begin, first);
            end = std::max(end, first + (length(run) - 1) * step +
                                    *std::max_element(offsets, offsets + lanes) + 1);
            table.longest = std::max(table.longest, length(run));
        }
        out->begin.push_back(begin);
        out->end.push_back(end);
        widest = std::max<int64_t>(widest, end - begin);
    }
    // Beyond these, sums in 64 bits.
    table.wide = table.row_bits < 0 || table.column_bits < 0 || widest > kAreaBytes;
    if (table.wide) {
        table.row_bits = rows.total > 256.0 ? 8 : 14;
        table.column_bits = columns.total > 256.0 ? 8 : 14;
    }
    const int head_bits = table.wide ? table.row_bits : table.row_bits + 8;
    for (const Run& run : rows.run)
        out->rows.push_back(
            {run.first, run.whole, share(run.head, head_bits), share(run.tail, head_bits)});
    for (size_t x = 0; x < padded; ++x) {
        const Run& run = columns.run[std::min(x, count - 1)];
        for (int lane = 0; lane < lanes; ++lane) {
            out->first.push_back(run.first * step + offsets[lane]);
            out->count.push_back(length(run));
            out->head.push_back(share(run.head > 0.0 ? run.head : 1.0, table.column_bits));
            out->tail.push_back(share(run.tail > 0.0 ? run.tail : 1.0, table.column_bits));
        }
    }
    table.norm = std::ldexp(1.0 / (rows.total * columns.total),
                            kSampleBits - table.row_bits - table.column_bits);
    table.first = out->first.data();
    table.count = out->count.data();
    table.head = out->head.data();
    table.tail = out->tail.data();
    table.begin = out->begin.data();
    table.end = out->end.data();
    table.rows = out->rows.data();
}

void lay_out_area_windows(const AreaLine& line, const WindowShape& shape, AreaWindows* out,
                          AreaTable* table) {
    out->index.clear();
    out->weight.clear();
    *table = line.table;
    table->windows = 0;
    if (shape.lanes == 0 || table->wide)
        return;
    const int pairs = (table->longest + 1) / 2;
    const int together = shape.lanes * shape.together;
    const auto lanes = static_cast<int>(line.first.size());
    std::vector<int32_t> first, second;
    for (int group = 0; group < lanes; group += together) {
        for (int pair = 0; pair < pairs; ++pair) {
            for (int lane = group; lane < group + together; ++lane) {
                const int count = line.count[lane];
                const auto place = [&](int i) {
                    return line.first[lane] + std::min(i, count - 1) * table->step;
                };
                const auto weight = [&](int i) -> int16_t {
                    if (i >= count)
                        return 0;
                    if (i == 0)
                        return line.head[lane];
                    return i == count - 1 ? line.tail[lane]
                                          : static_cast<int16_t>(1 << table->column_bits);
                };
                first.push_back(place(2 * pair));
                second.push_back(place(2 * pair + 1));
                const size_t block = (first.size() - 1) / shape.lanes * shape.lanes;
                const size_t in_block = (first.size() - 1) % shape.lanes;
                out->weight.resize(2 * (block + shape.lanes));
                const size_t base = 2 * block;
                out->weight[base + (shape.paired ? 2 * in_block : in_block)] = weight(2 * pair);
                out->weight[base + (shape.paired ? 2 * in_block + 1 : in_block + shape.lanes)] =
                    weight(2 * pair + 1);
            }
        }
    }
    cover(first.data(), second.data(), static_cast<int>(first.size()), int64_t{1} << 30, shape,
          &out->windows);
    for (const uint8_t word : out->windows.index) {
        const bool here = word < 0x80;
        const int bytes = here ? (2 * word + 1) << 8 | 2 * word : 0x8080;
        out->index.push_back(static_cast<uint16_t>(shape.bytewise ? bytes : here ? word : 0x8000));
    }
    table->pairs = pairs;
    table->windows = out->windows.count;
    table->start = out->windows.start.data();
    table->index = out->index.data();
    table->weight = out->weight.data();
}

} // namespace edgecore
