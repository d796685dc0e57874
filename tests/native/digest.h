// What many results come down to, to compare machines by.
#ifndef EDGECORE_TESTS_NATIVE_DIGEST_H
#define EDGECORE_TESTS_NATIVE_DIGEST_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace edgecore {

// Fowler, Noll and Vo's hash.
class Digest {
public:
    template <class T>
    void add(const std::vector<T>& values) {
        const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
        for (size_t i = 0; i < values.size() * sizeof(T); ++i)
            value_ = (value_ ^ bytes[i]) * 1099511628211u;
    }
    uint64_t value() const { return value_; }

private:
    uint64_t value_ = 14695981039346656037u;
};

} // namespace edgecore

#endif
