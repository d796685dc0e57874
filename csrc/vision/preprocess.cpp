#include "vision/preprocess.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace edgecore {

namespace {

// Pieces of a tensor: enough of them to even out threads of unequal speed, large enough that the
// rows of the frame that two of them sample anew do not count.
constexpr int kPiecesPerThread = 8;
constexpr int kPieceRows = 8;

Mixing mixing_of(SourceKind kind, ChannelOrder order) noexcept {
    if (kind == SourceKind::yuv)
        return order == ChannelOrder::gray ? Mixing::luma : Mixing::yuv;
    if (kind == SourceKind::rgb && order == ChannelOrder::gray)
        return Mixing::weighted;
    return Mixing::none;
}

} // namespace

PreprocessPlan::PreprocessPlan(const FrameGeometry& frame, const Region& region,
                               const PreprocessOptions& options)
    : frame_(frame), options_(options), bytes_(0), line_shapes_(0),
      by_area_(options.interpolation == Interpolation::area), table_of_line_(), tables_(),
      prepared_() {
    tables_.width = options.geometry.width;
    tables_.height = options.geometry.height;
    tables_.transposed = options.geometry.quarter_turns % 2 != 0;
    tables_.channels = options.channels == ChannelOrder::gray ? 1 : 3;
    tables_.planar = options.planar && tables_.channels > 1;
    lay_out_lines();
    tables_.color = matrix_of(frame_.color, options.channels);
    const bool mixed = tables_.mixing == Mixing::yuv || tables_.mixing == Mixing::luma;
    const int bits = mixed ? kColorBits : kSampleBits;
    lay_out_values(options.values, bits, &tables_);
    lay_out_padding(options.values, bits, &tables_);
    bytes_ = size_of(tables_.type) * tables_.channels * tables_.width * tables_.height;
    lay_out_region(region);
    prepared_for(active_kernels());
}

void PreprocessPlan::lay_out_region(const Region& region) {
    region_ = region;
    geometry_ = lay_out(region, options_.geometry);
    tables_.left = std::max(geometry_.placement.left, 0);
    tables_.top = std::max(geometry_.placement.top, 0);
    tables_.picture_width = (geometry_.transposed ? geometry_.rows : geometry_.columns).count;
    tables_.picture_height = (geometry_.transposed ? geometry_.columns : geometry_.rows).count;
    for (int i = 0; i < line_shapes_; ++i)
        lay_out_taps(i);
    tables_.strip_columns = strip_columns();
    tables_.mosaic = mosaic_of(frame_, rows_together());
}

void PreprocessPlan::move_to(const Region& region) {
    lay_out_region(region);
    for (int i = 1; i < kMaxKernels; ++i)
        delete prepared_[i].exchange(nullptr, std::memory_order_relaxed);
    prepare(active_kernels(), prepared_[0].load(std::memory_order_relaxed));
}

PreprocessPlan::Shape PreprocessPlan::shape() const noexcept {
    if (options_.planar)
        return {{tables_.channels, tables_.height, tables_.width}};
    return {{tables_.height, tables_.width, tables_.channels}};
}

PreprocessPlan::~PreprocessPlan() {
    for (const std::atomic<Prepared*>& slot : prepared_)
        delete slot.load(std::memory_order_relaxed);
}

void PreprocessPlan::lay_out_taps(int index) {
    LineTaps& own = taps_[index];
    const LineShape& shape = own.shape;
    const Interpolation interpolation = options_.interpolation;
    if (by_area_) {
        AreaLine& line = areas_[index];
        area_runs(geometry_.columns, shape.group_x, options_.chroma, &line.columns_covered);
        area_runs(geometry_.rows, shape.group_y, options_.chroma, &line.rows_covered);
        lay_out_area(shape.step, shape.offsets, shape.lanes, &line);
        return;
    }
    taps(geometry_.columns, shape.group_x, interpolation, options_.chroma, &own.columns);
    taps(geometry_.rows, shape.group_y, interpolation, options_.chroma, &own.rows);
    const size_t columns = own.columns.size();
    const size_t padded = (columns + kColumnPadding - 1) / kColumnPadding * kColumnPadding;
    own.first.resize(padded * shape.lanes);
    own.second.resize(own.first.size());
    own.weight.resize(own.first.size());
    for (size_t x = 0, to = 0; x < padded; ++x) {
        const RowTap& tap = own.columns[std::min(x, columns - 1)];
        for (int lane = 0; lane < shape.lanes; ++lane, ++to) {
            const int offset = shape.offsets[lane];
            own.first[to] = tap.first * shape.step + offset;
            own.second[to] = (tap.weight ? tap.second : tap.first) * shape.step + offset;
            own.weight[to] = tap.weight;
        }
    }
    // Rows read by neighbouring output rows are worth keeping, were it only every other one.
    const Axis& rows = geometry_.rows;
    own.kept = rows.to - rows.from < int64_t{kSubpixels} * shape.group_y * rows.picture;
}

// As many columns as lines and sums of areas have room for.
int PreprocessPlan::strip_columns() const noexcept {
    int columns = kStripColumns;
    for (const AreaLine& line : areas_) {
        for (size_t block = 0; block < line.begin.size() && !line.table.wide; ++block) {
            const int span = line.end[block] - line.begin[block];
            columns = std::min(columns,
                               std::max(kAreaBytes / (span + kColumnPadding), 1) * kColumnPadding);
        }
    }
    return columns;
}

// Rows of the frame that an output row needs at a time.
int PreprocessPlan::rows_together() const noexcept {
    int most = 2;
    for (const AreaRow& run : areas_[0].rows)
        most = std::max(most, run.count());
    return most;
}

void PreprocessPlan::add_line(const ChannelSource& source, int table, int low_byte) noexcept {
    Line& line = tables_.line[tables_.line_count];
    line.plane = source.plane;
    line.offset = source.offset;
    line.low_byte = low_byte;
    table_of_line_[tables_.line_count++] = table;
    const int64_t row_bytes = is_mosaic(frame_.format)
                                  ? int64_t{3} * frame_.width
                                  : plane_shape(frame_, source.plane).row_bytes();
    const int64_t limit = row_bytes - source.offset;
    LineTaps& own = taps_[table];
    own.limit = own.limit == 0 ? limit : std::min(own.limit, limit);
}

void PreprocessPlan::lay_out_lines() {
    const SourceLayout layout = layout_of(frame_.format);
    const bool reversed = options_.channels == ChannelOrder::bgr;
    tables_.mixing = mixing_of(layout.kind, options_.channels);
    const bool whole = tables_.mixing == Mixing::none && !tables_.planar && !tables_.transposed &&
                       tables_.channels == 3;
    tables_.lanes_per_column = whole ? 3 : 1;
    taps_[0].shape = {layout.step, 1, 1, tables_.lanes_per_column, {}};
    for (int c = 0; c < 3 && whole; ++c)
        taps_[0].shape.offsets[c] = layout.channel[reversed ? 2 - c : c].offset;
    line_shapes_ = 1;
    if (whole) {
        add_line({0, 0}, 0);
        return;
    }
    if (layout.kind == SourceKind::gray || tables_.mixing == Mixing::luma) {
        add_line(layout.channel[0], 0, layout.low_byte);
        return;
    }
    if (layout.kind == SourceKind::rgb) {
        for (int c = 0; c < 3; ++c)
            add_line(layout.channel[reversed ? 2 - c : c], 0);
        return;
    }
    taps_[1].shape = {layout.chroma_step, 2, layout.half_rows ? 2 : 1, 1, {}};
    line_shapes_ = 2;
    const ChannelSource& a = layout.channel[reversed ? 1 : 2];
    const ChannelSource& b = layout.channel[reversed ? 2 : 1];
    add_line(layout.channel[0], 0, layout.low_byte);
    add_line(a, 1, layout.low_byte);
    add_line(b, 1, layout.low_byte);
    tables_.line[1].twin = a.plane == b.plane;
    tables_.line[1].channel_offset = b.offset - a.offset;
}

// Lanes in the order kernels sample them: as they come, or blocks of half of either twin.
void PreprocessPlan::fill_table(int index, const WindowShape& shape, bool fine,
                                Prepared* out) const {
    const LineTaps& own = taps_[index];
    const Line& line = tables_.line[index];
    const std::vector<int32_t>* first = &own.first;
    const std::vector<int32_t>* second = &own.second;
    std::vector<int16_t>& weight = out->weight;
    weight = own.weight;
    const size_t half = size_t{1} * shape.lanes * shape.together / 2;
    if (line.twin && half > 0) {
        const int offset = line.channel_offset;
        first = &out->twin_first;
        second = &out->twin_second;
        const size_t both = 2 * own.first.size();
        out->twin_first.resize(both);
        out->twin_second.resize(both);
        weight.resize(both);
        for (size_t lane = 0; lane < both; ++lane) {
            const size_t column = lane / (2 * half) * half + lane % half;
            const int from = lane / half % 2 ? std::max(offset, 0) : std::max(-offset, 0);
            out->twin_first[lane] = own.first[column] + from;
            out->twin_second[lane] = own.second[column] + from;
            weight[lane] = own.weight[column];
        }
    }
    const auto lanes = static_cast<int>(first->size());
    const int64_t limit = own.limit + (line.twin ? std::abs(line.channel_offset) : 0);
    LineTable& table = out->line[index];
    Windows& windows = out->windows[index];
    cover(first->data(), second->data(), lanes, limit, shape, &windows);
    table.first = own.first.data();
    table.second = own.second.data();
    table.weight = own.weight.data();
    lay_out_blocks(windows, weight, fine, shape, &out->blocks[index], &table);
}

void PreprocessPlan::prepare(const Kernels& kernels, Prepared* out) const {
    out->kernels = &kernels;
    out->tables = tables_;
    // Lines read together are read by one kernel, fine or not.
    bool fine = false;
    for (const LineTaps& own : taps_)
        fine |= has_fine_weights(own.weight);
    for (int i = 0; i < 2; ++i) {
        if (by_area_)
            lay_out_area_windows(areas_[i], kernels.sum_windows, &out->area_windows[i],
                                 &out->area[i]);
        else
            fill_table(i, kernels.windows, fine, out);
    }
    for (int i = 0; i < tables_.line_count; ++i) {
        Line& line = out->tables.line[i];
        line.table = &out->line[table_of_line_[i]];
        line.rows = taps_[table_of_line_[i]].rows.data();
        line.kept = taps_[table_of_line_[i]].kept;
        line.area = by_area_ ? &out->area[table_of_line_[i]] : nullptr;
    }
}

const PreprocessPlan::Prepared* PreprocessPlan::prepared_for(const Kernels& kernels) const {
    for (const std::atomic<Prepared*>& slot : prepared_) {
        const Prepared* found = slot.load(std::memory_order_acquire);
        if (!found)
            break;
        if (found->kernels == &kernels)
            return found;
    }
    const std::lock_guard<std::mutex> held(preparing_);
    for (std::atomic<Prepared*>& slot : prepared_) {
        const Prepared* found = slot.load(std::memory_order_acquire);
        if (found && found->kernels == &kernels)
            return found;
        if (!found) {
            auto made = std::make_unique<Prepared>();
            prepare(kernels, made.get());
            slot.store(made.get(), std::memory_order_release);
            return made.release();
        }
    }
    return nullptr;
}

bool PreprocessPlan::fill(const Kernels& kernels, const FrameView& frame, uint8_t* out,
                          ThreadPool* pool) const {
    const PreprocessTables& tables = prepared_for(kernels)->tables;
    if (!pool) {
        return kernels.preprocess(tables, frame, out, 0, tables_.height);
    }
    const int step = tables_.transposed ? kColumnPadding : kPieceRows;
    const int wanted = tables_.height / (kPiecesPerThread * pool->threads());
    const int rows = std::max((wanted + step - 1) / step, 1) * step;
    const int pieces = (tables_.height - tables_.top + rows - 1) / rows;
    std::atomic<bool> whole{true};
    pool->for_each(pieces, [&](int piece) noexcept {
        const int begin = piece == 0 ? 0 : tables_.top + piece * rows;
        const int end = piece == pieces - 1 ? tables_.height : tables_.top + (piece + 1) * rows;
        if (!kernels.preprocess(tables, frame, out, begin, end))
            whole.store(false, std::memory_order_relaxed);
    });
    return whole.load(std::memory_order_relaxed);
}

Status PreprocessPlan::run(const FrameView& frame, void* out, size_t bytes,
                           ThreadPool* pool) const noexcept {
    if (frame.planes != plane_count(frame_.format))
        return Status::wrong_planes;
    for (int i = 0; i < frame.planes; ++i) {
        const PlaneShape shape = plane_shape(frame_, i);
        if (frame.plane[i].rows != shape.rows || frame.plane[i].row_bytes != shape.row_bytes())
            return Status::wrong_planes;
    }
    if (bytes != bytes_)
        return Status::wrong_output;
    try {
        if (!fill(active_kernels(), frame, static_cast<uint8_t*>(out), pool))
            return Status::out_of_memory;
    } catch (const std::bad_alloc&) {
        return Status::out_of_memory;
    }
    return Status::ok;
}

} // namespace edgecore
