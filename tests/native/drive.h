// Objects that move, jitter, hide and are mistaken, as a tracker gets them.
#ifndef EDGECORE_TESTS_NATIVE_DRIVE_H
#define EDGECORE_TESTS_NATIVE_DRIVE_H

#include <vector>

#include "native/dice.h"
#include "vision/tracker.h"

namespace edgecore {

struct DrivenFrame {
    std::vector<float> xyxy, confidence;
    std::vector<int32_t> class_id;
    int64_t t_ns;

    Detected detected() const {
        return {xyxy.data(), confidence.data(), class_id.data(), confidence.size()};
    }
};

// A few edges and scores are any bits; time now and then goes back.
inline std::vector<DrivenFrame> make_drive(Dice& dice, int most_objects, int frames) {
    struct Object {
        int x, y, width, height, speed_x, speed_y;
    };
    std::vector<Object> objects(static_cast<size_t>(dice.between(0, most_objects)));
    for (Object& one : objects)
        one = {dice.between(0, 1000), dice.between(0, 1000), dice.between(4, 120),
               dice.between(4, 120),  dice.between(-20, 20), dice.between(-20, 20)};
    std::vector<DrivenFrame> drive(static_cast<size_t>(frames));
    int64_t t_ns = 0;
    for (int index = 0; index < frames; ++index) {
        t_ns += dice.among({50000000, 50000000, 33333333, 0, 400000000});
        DrivenFrame& frame = drive[static_cast<size_t>(index)];
        frame.t_ns = dice.one_in(20) ? t_ns / 2 : t_ns;
        const int shake = dice.one_in(3) ? dice.between(-30, 30) : 0;
        for (const Object& one : objects) {
            if (dice.one_in(8))
                continue;
            const auto jitter = [&] { return static_cast<float>(dice.between(-16, 16)) / 8.0f; };
            const auto x = static_cast<float>(one.x + one.speed_x * index) + jitter();
            const auto y = static_cast<float>(one.y + one.speed_y * index + shake) + jitter();
            float box[] = {x, y, x + static_cast<float>(one.width) + jitter(),
                           y + static_cast<float>(one.height) + jitter()};
            if (dice.one_in(100))
                dice.among({&box[0], &box[1], &box[2], &box[3]})[0] = dice.any_float();
            frame.xyxy.insert(frame.xyxy.end(), box, box + 4);
            frame.confidence.push_back(dice.one_in(100)
                                           ? dice.any_float()
                                           : static_cast<float>(dice.between(0, 255)) / 256.0f);
            frame.class_id.push_back(dice.one_in(20) ? 2 : one.width % 2);
        }
    }
    return drive;
}

} // namespace edgecore

#endif
