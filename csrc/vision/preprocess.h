// Camera frame to model input in one pass: resize, colour, normalise, quantise, pad.
//
// A plan holds everything that depends on sizes and options only. Running it allocates nothing and
// keeps no state, so one plan may run in several threads at once.
#ifndef EDGECORE_VISION_PREPROCESS_H
#define EDGECORE_VISION_PREPROCESS_H

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "vision/area.h"
#include "vision/color.h"
#include "vision/dispatch.h"
#include "vision/frame.h"
#include "vision/geometry.h"
#include "vision/mosaic.h"
#include "vision/preprocess_tables.h"
#include "vision/source_layout.h"
#include "vision/tap_blocks.h"
#include "vision/taps.h"
#include "vision/thread_pool.h"
#include "vision/values.h"
#include "vision/windows.h"

namespace edgecore {

struct PreprocessOptions {
    GeometryOptions geometry;
    Interpolation interpolation;
    Chroma chroma;
    ChannelOrder channels;
    ValueOptions values;
    bool planar;
};

enum class Status : uint8_t { ok, wrong_planes, wrong_output, out_of_memory };

class PreprocessPlan {
public:
    // May throw std::bad_alloc, nothing else.
    PreprocessPlan(const FrameGeometry& frame, const Region& region,
                   const PreprocessOptions& options);
    PreprocessPlan(const PreprocessPlan&) = delete;
    PreprocessPlan& operator=(const PreprocessPlan&) = delete;
    ~PreprocessPlan();

    const Region& region() const noexcept { return region_; }
    OutputType type() const noexcept { return tables_.type; }

    // Of the tensor: height, width, channels, or channels, height, width.
    struct Shape {
        int side[3];
    };
    Shape shape() const noexcept;
    size_t bytes() const noexcept { return bytes_; } // of the tensor
    const FrameGeometry& frame() const noexcept { return frame_; }
    const PreprocessOptions& options() const noexcept { return options_; }

    // Boxes of the tensor as boxes of the frame; see geometry.h.
    void unmap(const float* boxes, size_t count, float* out) const noexcept {
        unmap_boxes(geometry_, frame_, boxes, count, out);
    }

    // Makes this the plan of another region, for the kernels in use, in the memory of its tables as
    // far as that goes. Not while it runs. After std::bad_alloc it may only be destroyed.
    void move_to(const Region& region);

    // Writes the tensor, `bytes` in all: height x width x channels values of the output type, or
    // channels x height x width. `out` is aligned for that type and does not overlap the frame. Its
    // rows are shared by the threads of the pool, where there is one; the result is the same.
    Status run(const FrameView& frame, void* out, size_t bytes,
               ThreadPool* pool = nullptr) const noexcept;

private:
    // How samples of a line lie in the frame, in output order of the lanes.
    struct LineShape {
        int step; // bytes from sample to sample
        int group_x;
        int group_y;
        int lanes;
        int offsets[3];
    };

    // Lanes that share their taps: all of RGB, luma alone, both chroma channels.
    struct LineTaps {
        LineShape shape{};
        std::vector<RowTap> columns;
        std::vector<int32_t> first;
        std::vector<int32_t> second;
        std::vector<int16_t> weight;
        std::vector<RowTap> rows;
        bool kept = false;
        int64_t limit = 0; // bytes of a row that may be read
    };

    // The tables for one set of kernels.
    struct Prepared {
        const Kernels* kernels;
        PreprocessTables tables;
        std::vector<int16_t> weight; // in the order of the blocks
        Windows windows[2];
        TapBlocks blocks[2];
        std::vector<int32_t> twin_first; // of both twins, in the order of the blocks
        std::vector<int32_t> twin_second;
        LineTable line[2];
        AreaWindows area_windows[2];
        AreaTable area[2];
    };

    void lay_out_lines();
    void lay_out_region(const Region& region);
    void lay_out_taps(int index);
    int strip_columns() const noexcept;
    int rows_together() const noexcept;
    void add_line(const ChannelSource& source, int table, int low_byte = 0) noexcept;
    void fill_table(int index, const WindowShape& shape, bool fine, Prepared* out) const;
    void prepare(const Kernels& kernels, Prepared* out) const;
    const Prepared* prepared_for(const Kernels& kernels) const;
    bool fill(const Kernels& kernels, const FrameView& frame, uint8_t* out, ThreadPool* pool) const;

    FrameGeometry frame_;
    PreprocessOptions options_;
    size_t bytes_;
    Region region_{};
    Geometry geometry_{};
    int line_shapes_;
    LineTaps taps_[2]; // primary, chroma
    AreaLine areas_[2];
    bool by_area_;
    int table_of_line_[kMaxLines];
    PreprocessTables tables_;
    mutable std::mutex preparing_;
    mutable std::atomic<Prepared*> prepared_[kMaxKernels];
};

} // namespace edgecore

#endif
