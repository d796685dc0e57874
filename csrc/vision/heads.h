// Raw detection heads to boxes. Native because a head is scanned whole for every frame: thresholds
// are turned into levels of the raw type, candidates are found without dequantising, and only they
// are.
#ifndef EDGECORE_VISION_HEADS_H
#define EDGECORE_VISION_HEADS_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/nms.h"

namespace edgecore {

enum class ElementType { float32, int8, uint8 };

// real = float(q - zero_point) * scale in float32 for the integer types; scale > 0 and finite.
struct RawTensor {
    const void* data;
    ElementType type;
    float scale;
    std::int32_t zero_point;
};

// What an anchor holds: centre x, centre y, width, height, [objectness,] one score per class. With
// objectness the score is objectness * class score, and both it and objectness reach the threshold.
enum class YoloOrder {
    class_major,             // (4 + classes, anchors)
    anchor_major,            // (anchors, 4 + classes)
    anchor_major_objectness, // (anchors, 5 + classes)
};

struct YoloLayout {
    YoloOrder order;
    std::size_t anchors;
    std::size_t classes; // at least 1
    float x_scale;       // from the tensor's units to pixels of the model's input
    float y_scale;
};

// Outputs of TFLite_Detection_PostProcess: boxes y0, x0, y1, x1 of the picture's unit square.
struct SsdTensors {
    RawTensor boxes;   // (anchors, 4)
    RawTensor classes; // (anchors)
    RawTensor scores;  // (anchors)
    std::size_t count; // valid rows, the first ones
    float width;       // of the model's input, pixels
    float height;
};

struct Corners {
    float x0, y0, x1, y1;
};

// Columns of one length; boxes have four values a row: x0, y0, x1, y1.
struct Candidates {
    std::vector<float> boxes;
    std::vector<float> scores;
    std::vector<std::int64_t> class_id;

    void clear();
    // Leaves out a box with a coordinate that is not finite.
    void add(const Corners& box, float score, std::int64_t class_of_box);
};

// Results by falling score, ties by rising anchor. A box with a coordinate that is not finite is no
// candidate; one of negative size becomes empty. Once warm, decoding allocates nothing.
class HeadDecoder {
public:
    // One candidate an anchor, of its best class (ties: the lower one), then class-aware NMS.
    void decode_yolo(const YoloLayout& layout, const RawTensor& tensor, const Selection& selection);

    // The model has suppressed already: selection.iou_threshold is not used.
    void decode_ssd(const SsdTensors& tensors, const Selection& selection);

    // Rows of candidates() that are the detections.
    const std::vector<std::uint32_t>& kept() const { return nms_.kept(); }
    const Candidates& candidates() const { return candidates_; }
    // Selection::max_results left out at least one detection.
    bool truncated() const { return nms_.truncated(); }

private:
    void select(const Selection& selection);

    Candidates candidates_;
    GreedyNms nms_;
};

} // namespace edgecore

#endif
