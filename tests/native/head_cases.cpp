// Random heads: every set decodes to the same bits, and what it decodes makes sense.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include "native/cases.h"
#include "native/head_case.h"
#include "native/plain_suppression.h"

namespace edgecore {

namespace {

template <class T>
void append(const T* values, size_t n, std::vector<uint8_t>* out) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(values);
    out->insert(out->end(), bytes, bytes + n * sizeof(T));
}

// All that a caller gets to see, as bytes.
std::vector<uint8_t> seen(const HeadDecoder& decoder, size_t keypoints) {
    std::vector<uint8_t> out{decoder.truncated()};
    const Candidates& found = decoder.candidates();
    for (const uint32_t row : decoder.kept()) {
        append(&found.boxes[row], 1, &out);
        append(&found.scores[row], 1, &out);
        append(&found.class_id[row], 1, &out);
        append(found.keypoints.data() + row * 2 * keypoints, 2 * keypoints, &out);
    }
    return out;
}

const char* nonsense(const HeadCase& head, const HeadDecoder& decoder) {
    const Candidates& found = decoder.candidates();
    const std::vector<uint32_t>& kept = decoder.kept();
    const size_t n = found.boxes.size();
    if (found.scores.size() != n || found.class_id.size() != n ||
        found.keypoints.size() != 2 * head.keypoints * n)
        return "columns of several lengths";
    if (kept.size() > head.choice.selection.max_results)
        return "more results than asked for";
    for (size_t i = 0; i < n; ++i) {
        if (!plainly_valid(&found.boxes[i].x0))
            return "a box that is none";
        if (!(found.scores[i] >= head.choice.selection.score_threshold))
            return "a score below the threshold";
        if (!head.choice.classes.allows(found.class_id[i]))
            return "a class that was not allowed";
        if (head.classes >= 0 && !(found.class_id[i] >= 0 && found.class_id[i] < head.classes))
            return "a class that there is not";
    }
    Selection selection = head.choice.selection;
    if (head.suppression == Suppression::by_model)
        selection.iou_threshold = std::numeric_limits<float>::infinity();
    const PlainResult plain = plain_suppression(
        n ? &found.boxes[0].x0 : nullptr, found.scores.data(),
        head.choice.class_agnostic ? nullptr : found.class_id.data(), n, selection);
    if (kept != plain.kept || decoder.truncated() != plain.truncated)
        return "other boxes than the plain suppression keeps";
    return nullptr;
}

} // namespace

bool heads_agree(Dice& dice, int largest, Digest* results) {
    const auto head = make_head_case(dice, largest);
    static HeadDecoder warm; // with the memory of all cases before
    HeadDecoder fresh;
    force_kernels("baseline");
    fresh.decode(head->choice, head->suppression, head->find);
    const std::vector<uint8_t> wanted = seen(fresh, head->keypoints);
    if (results)
        results->add(wanted);
    const char* wrong = nonsense(*head, fresh);
    if (wrong)
        std::printf("baseline gives %s\n", wrong);
    bool fine = !wrong;
    for_each_set([&](const char* isa) {
        warm.decode(head->choice, head->suppression, head->find);
        if (seen(warm, head->keypoints) == wanted)
            return;
        fine = false;
        std::printf("%s decodes otherwise than baseline: %zu results, %zu wanted\n", isa,
                    warm.kept().size(), fresh.kept().size());
    });
    return fine;
}

} // namespace edgecore
