// From raw scores to labelled anchors: the part that heads have in common.
#ifndef EDGECORE_VISION_ANCHOR_SCAN_H
#define EDGECORE_VISION_ANCHOR_SCAN_H

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "vision/candidates.h"
#include "vision/raw_tensor.h"

namespace edgecore {

// Where the scores of an anchor lie: score c of anchor a is data[a * anchor_step + c * class_step],
// one of the steps being 1.
template <class T>
struct ScoreMatrix {
    const T* data;
    std::size_t anchors;
    std::size_t classes;
    std::size_t anchor_step;
    std::size_t class_step;
};

// Which labels an anchor gets. Refers to the filter, as a copy would allocate.
struct Labelling {
    bool multi_label;
    const ClassFilter& classes;

    Labelling(const Choice& choice) : Labelling(choice.multi_label, choice) {}
    Labelling(bool multi_label, const Choice& choice)
        : multi_label(multi_label), classes(choice.classes) {}
};

// Calls use(class_id, level) for the labels of one anchor: the best class (ties: the lower one), or
// all that reach, of those the filter allows. NaN loses against everything.
template <class T, class Use>
void for_each_label(const T* scores, std::size_t step, std::size_t classes, T level,
                    const Labelling& labels, Use use) {
    const bool all = labels.classes.allows_all();
    if (labels.multi_label) {
        for (std::size_t i = 0; i < classes; ++i)
            if (scores[i * step] >= level &&
                (all || labels.classes.allows(static_cast<std::int64_t>(i))))
                use(i, scores[i * step]);
        return;
    }
    std::size_t at = classes;
    T best = lowest<T>();
    for (std::size_t i = 0; i < classes; ++i) {
        const T score = scores[i * step];
        if ((score > best || (at == classes && score == best)) &&
            (all || labels.classes.allows(static_cast<std::int64_t>(i)))) {
            best = score;
            at = i;
        }
    }
    if (at < classes && best >= level)
        use(at, best);
}

// The first class of this score; `classes` where none has it, as every score is NaN.
template <class T>
std::size_t first_of(const T* scores, std::size_t step, std::size_t classes, T score) {
    std::size_t at = 0;
    while (at < classes && scores[at * step] != score)
        ++at;
    return at;
}

// Anchors side by side: where the span of 64 begins that covers `start`, so that rows of `data` are
// read from a whole cache line on where they can be.
template <class T>
std::size_t span_from(const T* data, std::size_t start, std::size_t anchors) {
    constexpr std::size_t together = 64, line = 64;
    const std::size_t last = anchors - std::min(together, anchors);
    const auto over = reinterpret_cast<std::uintptr_t>(data + start) % line / sizeof(T);
    return std::min(start - std::min<std::size_t>(over, start), last);
}

// Calls use(anchor, class_id, level) for the labels of every anchor, by rising anchor, then class.
template <class T, class Use>
void for_each_labelled_anchor(const ScoreMatrix<T>& scores, T level, const Labelling& labels,
                              Use use) {
    constexpr std::size_t together = 64;
    const Reaching<T>& kernels = reaching<T>(active_kernels());
    const bool columns = scores.anchor_step == 1;
    const bool best_of_all = !labels.multi_label && labels.classes.allows_all();
    const std::size_t count = std::min(together, scores.anchors);
    T best[together];
    for (std::size_t start = 0; start < scores.anchors;) {
        // A span may repeat a part of the one before.
        const std::size_t first = columns ? span_from(scores.data, start, scores.anchors)
                                          : std::min(start, scores.anchors - count);
        const T* data = scores.data + first * scores.anchor_step;
        std::uint64_t found =
            columns ? kernels.columns(data, scores.class_step, scores.classes, count, level, best)
                    : kernels.rows(data, scores.anchor_step, count, scores.classes, level, best);
        for (found >>= start - first; found; found &= found - 1) {
            const std::size_t anchor = start + static_cast<std::size_t>(__builtin_ctzll(found));
            const T* own = scores.data + anchor * scores.anchor_step;
            if (!best_of_all) {
                for_each_label(own, scores.class_step, scores.classes, level, labels,
                               [&](std::size_t class_id, T raw) { use(anchor, class_id, raw); });
                continue;
            }
            const T largest = best[anchor - first];
            const std::size_t at = first_of(own, scores.class_step, scores.classes, largest);
            if (at < scores.classes)
                use(anchor, at, largest);
        }
        start = first + count;
    }
}

} // namespace edgecore

#endif
