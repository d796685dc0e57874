#include "vision/ranking.h"

#include <algorithm>
#include <cmath>

namespace edgecore {

namespace {

constexpr std::size_t kFew = 24;
constexpr std::size_t kMostBuckets = 16384;
constexpr std::uint32_t kCrowdedBucket = 16;

struct Extremes {
    float lowest, highest;
};

// In several lanes, so that no comparison waits for the one before.
Extremes extremes(const std::vector<Ranked>& candidates) {
    constexpr std::size_t lanes = 4;
    float low[lanes], high[lanes];
    std::fill_n(low, lanes, candidates[0].score);
    std::fill_n(high, lanes, candidates[0].score);
    for (std::size_t i = 0; i + lanes <= candidates.size(); i += lanes)
        for (std::size_t k = 0; k < lanes; ++k) {
            const float score = candidates[i + k].score;
            low[k] = score < low[k] ? score : low[k];
            high[k] = score > high[k] ? score : high[k];
        }
    for (std::size_t i = candidates.size() - candidates.size() % lanes; i < candidates.size();
         ++i) {
        low[0] = std::min(low[0], candidates[i].score);
        high[0] = std::max(high[0], candidates[i].score);
    }
    return {*std::min_element(low, low + lanes), *std::max_element(high, high + lanes)};
}

bool before(const Ranked& a, const Ranked& b) {
    return a.score != b.score ? a.score > b.score : a.index < b.index;
}

// Cheap where little is out of place; equal scores stay in their order.
void insertion_sort(Ranked* ranked, std::size_t n) {
    for (std::size_t i = 1; i < n; ++i) {
        const Ranked moved = ranked[i];
        std::size_t place = i;
        for (; place > 0 && ranked[place - 1].score < moved.score; --place)
            ranked[place] = ranked[place - 1];
        ranked[place] = moved;
    }
}

} // namespace

const std::vector<Ranked>& Ranking::sort(const float* scores, std::size_t n, float threshold) {
    unsorted_.resize(n);
    Ranked* out = unsorted_.data();
    std::size_t count = 0;
    for (std::size_t i = 0; i < n; ++i) {
        out[count] = {scores[i], static_cast<std::uint32_t>(i)};
        count += scores[i] >= threshold;
    }
    unsorted_.resize(count);
    if (count <= kFew) {
        ranked_.assign(unsorted_.begin(), unsorted_.end());
        insertion_sort(ranked_.data(), count);
    } else {
        distribute();
    }
    return ranked_;
}

// Every candidate to the bucket its score lies in, of as many equal ones as there are candidates:
// nearly sorted then, in linear time, unless scores lie far from evenly.
void Ranking::distribute() {
    const std::size_t count = unsorted_.size();
    const Extremes range = extremes(unsorted_);
    const float lowest = range.lowest, highest = range.highest;
    std::size_t buckets = 64;
    while (buckets < count && buckets < kMostBuckets)
        buckets *= 2;
    const float density = static_cast<float>(buckets - 1) / (highest - lowest);
    if (!std::isfinite(density) || !std::isfinite(highest - lowest)) {
        ranked_.assign(unsorted_.begin(), unsorted_.end());
        std::sort(ranked_.begin(), ranked_.end(), before);
        return;
    }
    // Subtraction, multiplication and truncation keep the order of scores, rounded or not.
    const auto bucket_of = [=](const Ranked& candidate) {
        return static_cast<std::uint32_t>((highest - candidate.score) * density);
    };
    starts_.assign(buckets + 2, 0);
    for (const Ranked& candidate : unsorted_)
        ++starts_[bucket_of(candidate) + 1];
    std::uint32_t fullest = 0, sum = 0;
    for (std::uint32_t& start : starts_) {
        fullest = std::max(fullest, start);
        start = sum += start;
    }
    ranked_.resize(count);
    for (const Ranked& candidate : unsorted_)
        ranked_[starts_[bucket_of(candidate)]++] = candidate;
    if (fullest > kCrowdedBucket) {
        std::uint32_t begin = 0;
        for (const std::uint32_t end : starts_) {
            const auto first = ranked_.begin() + begin, last = ranked_.begin() + end;
            if (end - begin > kCrowdedBucket && !std::is_sorted(first, last, before))
                std::sort(first, last, before);
            begin = end;
        }
    }
    insertion_sort(ranked_.data(), count);
}

} // namespace edgecore
