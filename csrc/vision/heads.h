// Raw detection heads to boxes in pixels of the model's input. Native because a head is scanned
// whole for every frame: thresholds are turned into levels of the raw type, candidates are found
// without dequantising, and only they are. One family a file: heads_<family>.cpp.
#ifndef EDGECORE_VISION_HEADS_H
#define EDGECORE_VISION_HEADS_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/candidates.h"
#include "vision/raw_tensor.h"

namespace edgecore {

// From a tensor's units to pixels of the model's input.
struct PixelScale {
    float x, y;
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
    PixelScale scale;
};
void find_yolo(const YoloLayout& layout, const RawTensor& tensor, const Choice& choice,
               Candidates& found);

// A grid of cells of `stride` pixels.
struct Grid {
    std::size_t rows, columns;
    float stride;
};

// YOLOX before its boxes are decoded: offsets in cells and logarithms of sizes in strides, grids
// one after the other, in the order of anchor_major_objectness.
void find_yolox(const std::vector<Grid>& grids, std::size_t classes, const RawTensor& tensor,
                const Choice& choice, Candidates& found);

// YOLOv8's distributions, one grid: for each cell 4 x bins logits of the distance from its middle
// to the left, top, right and bottom, in strides, and class logits. Both may be parts of one
// tensor.
struct DflGrid {
    Grid grid;
    RawTensor boxes;
    std::size_t boxes_step; // elements from one cell to the next
    RawTensor scores;
    std::size_t scores_step;
    std::size_t scores_start; // element of the first cell's first class
};
void find_dfl(const std::vector<DflGrid>& grids, std::size_t bins, std::size_t classes,
              const Choice& choice, Candidates& found);

// Finished boxes: x0, y0, x1, y1, score, class; suppressed by the model.
void find_end_to_end(const RawTensor& tensor, std::size_t rows, PixelScale scale,
                     const Choice& choice, Candidates& found);

// Outputs of TFLite_Detection_PostProcess: boxes y0, x0, y1, x1 of the picture's unit square.
struct SsdTensors {
    RawTensor boxes;   // (anchors, 4)
    RawTensor classes; // (anchors)
    RawTensor scores;  // (anchors)
    std::size_t count; // valid rows, the first ones
    PixelScale scale;
};
void find_ssd(const SsdTensors& tensors, const Choice& choice, Candidates& found);

struct AnchorBox {
    float x, y, width, height; // centre and size, parts of the picture's sides
};

// How boxes are coded against anchors: centre = code / centre_scale * size + anchor centre; size =
// exp(code / size_scale) * anchor size, or linearly code / size_scale * anchor size. Keypoints, x
// and y in turn, are coded as centres and follow the box.
struct BoxCoder {
    float centre_scale_x, centre_scale_y, size_scale_x, size_scale_y;
    bool exponential_size;
    bool y_first;
    std::size_t keypoints;
};

// Some of the anchors: an output, or a pair of outputs, of a raw SSD head.
struct AnchoredTensors {
    RawTensor boxes;  // (anchors, 4 + 2 * keypoints)
    RawTensor scores; // (anchors, background + classes)
    std::size_t anchors;
};

struct AnchoredLayout {
    std::size_t classes;
    std::size_t background; // scores before the first class, 0 or 1
    Activation activation;
    BoxCoder coder;
    PixelScale scale;
};
void find_anchored(const AnchoredLayout& layout, const std::vector<AnchoredTensors>& tensors,
                   const std::vector<AnchorBox>& anchors, const Choice& choice, Candidates& found);

// FOMO: (rows, columns, 1 + classes) probabilities, class 0 of them is the background. A box is a
// cell; joined, cells of a class that touch, corners included, are one object: a box of one cell
// around the mean of their centres, with the best score.
struct CellLayout {
    std::size_t rows, columns, classes;
    PixelScale cell; // size of a cell, pixels
    bool joined;
};
class CellJoiner {
public:
    void find(const CellLayout& layout, const RawTensor& tensor, const Choice& choice,
              Candidates& found);

private:
    std::vector<float> score_;           // of each cell
    std::vector<std::int64_t> label_;    // of each cell, or -1
    std::vector<std::size_t> connected_; // cells of an object that are still to be looked around
};

// CenterNet: a cell is an object of a class where its score is the largest of its 3 x 3 neighbours.
struct HeatmapTensors {
    RawTensor heatmap; // (rows, columns, classes)
    RawTensor offset;  // (rows, columns, 2), cells
    RawTensor size;    // (rows, columns, 2), cells
};
struct HeatmapLayout {
    std::size_t rows, columns, classes;
    PixelScale cell;
    Activation activation;
    bool y_first; // offset and size
};
void find_peaks(const HeatmapLayout& layout, const HeatmapTensors& tensors, const Choice& choice,
                Candidates& found);

} // namespace edgecore

#endif
