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

void cover(const Axis& axis, int group, Runs* out) {
    const int64_t sample = int64_t{kSubpixels} * axis.picture * group;
    const int64_t size = axis.to - axis.from;
    out->total = static_cast<double>(size) / static_cast<double>(sample);
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
        out->run.push_back(run);
    }
}

// Whether sums of two neighbouring samples are all that any run needs.
bool in_pairs(const Runs& columns) noexcept {
    for (const Run& run : columns.run)
        if (run.head > 0.0 || run.tail > 0.0 || run.first % 2 != 0 || run.whole % 2 != 0)
            return false;
    return true;
}

bool whole(const Runs& rows) noexcept {
    for (const Run& run : rows.run)
        if (run.head > 0.0 || run.tail > 0.0)
            return false;
    return true;
}

template <class T>
bool repeats(const T* numbers, size_t count, size_t period) noexcept {
    return period < count && std::equal(numbers + period, numbers + count, numbers);
}

} // namespace

void area_runs(const Axis& axis, int group, Chroma chroma, Runs* out) {
    out->run.clear();
    const int grid = chroma == Chroma::bilinear ? group : 1;
    if (axis.to - axis.from > int64_t{kSubpixels} * axis.picture * grid)
        return cover(axis, group, out);
    out->total = 1.0;
    taps(axis, group, Interpolation::bilinear, chroma, &out->taps);
    for (const RowTap& tap : out->taps) {
        const double second = std::ldexp(tap.weight, -kWeightBits - 1);
        const bool lone = tap.weight == 0;
        out->run.push_back({tap.first, lone ? 1 : 0, lone ? 0.0 : 1.0 - second, second});
    }
}

void lay_out_area(int step, const int* offsets, int lanes, AreaLine* out) {
    const Runs& columns = out->columns_covered;
    const Runs& rows = out->rows_covered;
    for (auto* numbers : {&out->first, &out->count, &out->begin, &out->end})
        numbers->clear();
    out->rows.clear();
    out->head.clear();
    out->tail.clear();
    out->lanes = lanes;
    AreaTable& table = out->table;
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
    table.order = SumOrder::bytes;
    int together = 1; // bytes of the row for each place of a sum
    if (!table.wide && step % 2 == 0 && lanes == 1) {
        table.order = step == 4 ? SumOrder::quarters : SumOrder::halves;
        together = step;
    } else if (!table.wide && step == 1 && in_pairs(columns) && whole(rows) &&
               fitting_bits(2.0 * rows.total, 255.0, 32760.0, 0) == 0) {
        table.order = SumOrder::pairs;
        table.row_bits = 0; // nothing is cut, so sums are whole levels
        table.longest /= 2;
        together = 2;
    }
    table.step = table.order == SumOrder::bytes ? step : 1;
    const int samples = table.order == SumOrder::pairs ? 2 : 1; // in a sum
    const int head_bits = table.wide ? table.row_bits : table.row_bits + 8;
    for (const Run& run : rows.run)
        out->rows.push_back(
            {run.first, run.whole, share(run.head, head_bits), share(run.tail, head_bits)});
    for (size_t x = 0; x < padded; ++x) {
        const Run& run = columns.run[std::min(x, count - 1)];
        for (int lane = 0; lane < lanes; ++lane) {
            out->first.push_back((run.first * step + offsets[lane]) / together);
            out->count.push_back(length(run) / samples);
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
    *table = line.table;
    table->windows = 0;
    if (shape.lanes == 0 || table->wide || line.first.empty())
        return;
    const int lanes = shape.lanes, words = shape.bytes; // of a window
    const auto blocks = static_cast<int>(line.first.size()) / lanes;
    const auto last_of = [&](int lane) {
        return line.first[lane] + (line.count[lane] - 1) * table->step;
    };
    out->start.clear();
    int32_t widest = 0;
    for (int block = 0; block < blocks; ++block) {
        int32_t begin = INT32_MAX, end = 0;
        for (int lane = block * lanes; lane < (block + 1) * lanes; ++lane) {
            begin = std::min(begin, line.first[lane]);
            end = std::max(end, last_of(lane) + 1);
        }
        out->start.push_back(begin);
        widest = std::max(widest, end - begin);
    }
    table->pairs = (table->longest + 1) / 2;
    const int windows = (widest + words - 1) / words;
    if (windows > kMostAreaWindows)
        return;
    table->windows = windows;
    const int of_block = 2 * lanes, of_group = of_block * shape.together;
    const size_t entries = size_t{1} * blocks * of_block * table->pairs;
    const size_t places = entries * table->windows;
    out->index.assign(places, shape.bytewise ? 0x8080 : 0x8000);
    out->weight.assign(entries, 0);
    uint16_t* const index = out->index.data();
    int16_t* const weight = out->weight.data();
    for (size_t lane = 0; lane < line.first.size(); ++lane) {
        const size_t block = lane / lanes, group = block / shape.together;
        const int in_block = static_cast<int>(lane) % lanes;
        const int begin = static_cast<int>(block) % shape.together * of_block;
        const int count = line.count[lane];
        for (int i = 0; i < 2 * table->pairs; ++i) {
            const int at = begin + (shape.paired ? 2 * in_block + i % 2 : in_block + i % 2 * lanes);
            const size_t pair = group * table->pairs + i / 2;
            const int place =
                line.first[lane] + std::min(i, count - 1) * table->step - out->start[block];
            const int word = place % words;
            index[(pair * table->windows + place / words) * of_group + at] =
                static_cast<uint16_t>(shape.bytewise ? (2 * word + 1) << 8 | 2 * word : word);
            if (i < count)
                weight[pair * of_group + at] = i == 0 ? line.head[lane]
                                               : i == count - 1
                                                   ? line.tail[lane]
                                                   : static_cast<int16_t>(1 << table->column_bits);
        }
    }
    // A strip has a whole number of groups of all of its channels.
    table->period = 0;
    for (const int period : {line.lanes, 1})
        if (repeats(index, places, places / blocks * shape.together * period) &&
            repeats(weight, entries, entries / blocks * shape.together * period))
            table->period = period;
    table->start = out->start.data();
    table->index = index;
    table->weight = weight;
}

} // namespace edgecore
