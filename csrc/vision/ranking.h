// Candidates by falling score.
#ifndef EDGECORE_VISION_RANKING_H
#define EDGECORE_VISION_RANKING_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace edgecore {

struct Ranked {
    float score;
    std::uint32_t index;
};

// Keeps its memory between runs.
class Ranking {
public:
    // The indices of scores >= threshold (NaN never is) by falling score, ties by rising index; -0
    // equals +0. n < 2^32.
    const std::vector<Ranked>& sort(const float* scores, std::size_t n, float threshold);

private:
    void distribute();

    std::vector<Ranked> ranked_;
    std::vector<Ranked> unsorted_;
    std::vector<std::uint32_t> starts_;
};

} // namespace edgecore

#endif
