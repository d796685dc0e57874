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

// Calls use(class_id, level) for the labels of one anchor: the best class (ties: the lower one), or
// all that reach, of those the filter allows. NaN loses against everything.
template <class T, class Use>
void for_each_label(const T* scores, std::size_t step, std::size_t classes, T level,
                    const Choice& choice, Use use) {
    const bool all = choice.classes.allows_all();
    if (choice.multi_label) {
        for (std::size_t i = 0; i < classes; ++i)
            if (scores[i * step] >= level &&
                (all || choice.classes.allows(static_cast<std::int64_t>(i))))
                use(i, scores[i * step]);
        return;
    }
    std::size_t at = classes;
    T best = lowest<T>();
    for (std::size_t i = 0; i < classes; ++i) {
        const T score = scores[i * step];
        if ((score > best || (at == classes && score == best)) &&
            (all || choice.classes.allows(static_cast<std::int64_t>(i)))) {
            best = score;
            at = i;
        }
    }
    if (at < classes && best >= level)
        use(at, best);
}

// Calls use(anchor, class_id, level) for the labels of every anchor, by rising anchor, then class.
template <class T, class Use>
void for_each_labelled_anchor(const ScoreMatrix<T>& scores, T level, const Choice& choice,
                              Use use) {
    constexpr std::size_t together = 64;
    const Reaching<T>& kernels = reaching<T>(active_kernels());
    for (std::size_t start = 0; start < scores.anchors;) {
        // The last span ends with the anchors, so it may repeat a part of the one before.
        const std::size_t count = std::min(together, scores.anchors);
        const std::size_t first = std::min(start, scores.anchors - count);
        const T* data = scores.data + first * scores.anchor_step;
        std::uint64_t found =
            scores.anchor_step == 1
                ? kernels.columns(data, scores.class_step, scores.classes, count, level)
                : kernels.rows(data, scores.anchor_step, count, scores.classes, level);
        for (found >>= start - first; found; found &= found - 1) {
            const std::size_t anchor = start + static_cast<std::size_t>(__builtin_ctzll(found));
            for_each_label(scores.data + anchor * scores.anchor_step, scores.class_step,
                           scores.classes, level, choice,
                           [&](std::size_t class_id, T raw) { use(anchor, class_id, raw); });
        }
        start = first + count;
    }
}

} // namespace edgecore

#endif
