#include "native/variants.h"

namespace edgecore {

VariantInput make_variant_input(Dice& dice, int most_boxes) {
    VariantInput out{};
    const int n = dice.between(0, most_boxes);
    const float unit = dice.among({1.0f, 0.0625f, 1e-19f});
    const float quarters[] = {0.0f, 1.5707964f, 3.1415927f};
    const bool classes = dice.one_in(2), level = dice.one_in(4);
    for (int i = 0; i < n; ++i) {
        float side[4];
        for (float& length : side)
            length = static_cast<float>(dice.between(0, &length < side + 2 ? 300 : 80));
        for (const float edge : {side[0], side[1], side[0] + side[2], side[1] + side[3]})
            out.boxes.push_back(edge * unit);
        for (const float length : side)
            out.turned.push_back(length);
        out.turned.push_back(level ? dice.among(quarters)
                                   : static_cast<float>(dice.between(-6000, 6000)) / 1000.0f);
        out.scores.push_back(static_cast<float>(dice.between(0, 255)) / 255.0f);
        if (classes)
            out.class_id.push_back(dice.between(0, 2));
    }
    out.bounds.selection = {0.01f, static_cast<float>(dice.between(0, 10)) / 10.0f,
                            static_cast<size_t>(dice.between(1, most_boxes))};
    out.bounds.max_candidates = static_cast<size_t>(dice.between(1, most_boxes));
    out.decay = {dice.one_in(2), 0.5f};
    return out;
}

const std::vector<uint8_t>& Variants::run(const VariantInput& input) {
    const auto add = [this](const auto& values) {
        const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
        results_.insert(results_.end(), bytes, bytes + values.size() * sizeof values[0]);
    };
    const auto add_all = [&](const Selected& selected) {
        add(selected.index);
        add(selected.score);
        add(selected.values);
        results_.push_back(selected.truncated);
    };
    const size_t n = input.scores.size();
    const float *boxes = input.boxes.data(), *scores = input.scores.data();
    const int64_t* class_id = input.class_id.empty() ? nullptr : input.class_id.data();
    results_.clear();
    add_all(distance_.run(boxes, scores, class_id, n, input.bounds));
    add_all(soft_.run(boxes, scores, class_id, n, input.bounds, input.decay));
    add_all(weighted_.run(boxes, 4, scores, class_id, n, input.bounds));
    add_all(rotated_.run(input.turned.data(), scores, class_id, n, input.bounds));
    return results_;
}

} // namespace edgecore
