// Where random cases come from: a seed, or the bytes a fuzzer hands over.
#ifndef EDGECORE_TESTS_NATIVE_DICE_H
#define EDGECORE_TESTS_NATIVE_DICE_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace edgecore {

class Dice {
public:
    virtual ~Dice() = default;

    int between(int low, int high) { // both included
        const auto sides = static_cast<uint64_t>(int64_t{high} - low + 1);
        return static_cast<int>(low + static_cast<int64_t>(below(sides)));
    }
    // Mostly small, sometimes up to `high`.
    int side(int high) { return between(1, between(0, 3) && high > 96 ? 96 : high); }
    bool one_in(int n) { return between(1, n) == 1; }
    template <typename T>
    T pick(int count) {
        return static_cast<T>(between(0, count - 1));
    }
    template <typename T, size_t count>
    T among(const T (&values)[count]) {
        return values[below(count)];
    }
    // Any bit pattern: infinities, NaN and subnormal numbers too.
    float any_float() {
        const auto bits = static_cast<uint32_t>(below(uint64_t{1} << 32));
        float value;
        std::memcpy(&value, &bits, sizeof value);
        return value;
    }
    virtual void fill(std::vector<uint8_t>* bytes) = 0;

protected:
    virtual uint64_t below(uint64_t sides) = 0; // sides <= 2^32
};

class SeededDice final : public Dice {
public:
    explicit SeededDice(uint64_t seed) : engine_(seed) {}

    void fill(std::vector<uint8_t>* bytes) override {
        const bool extremes = one_in(4);
        for (uint8_t& byte : *bytes)
            byte = extremes ? (engine_() & 1 ? 255 : 0) : static_cast<uint8_t>(engine_());
    }

private:
    uint64_t below(uint64_t sides) override { return engine_() % sides; }

    std::mt19937_64 engine_;
};

// Reads the bytes in turn, and again from the first one when they are used up.
class ByteDice final : public Dice {
public:
    ByteDice(const uint8_t* data, size_t size) : data_(data), size_(size) {}

    void fill(std::vector<uint8_t>* bytes) override {
        for (size_t i = 0; i < bytes->size() && size_;) {
            at_ = at_ == size_ ? 0 : at_;
            const size_t n = std::min(bytes->size() - i, size_ - at_);
            std::memcpy(bytes->data() + i, data_ + at_, n);
            i += n;
            at_ += n;
        }
    }

private:
    uint64_t below(uint64_t sides) override {
        uint64_t value = 0;
        for (uint64_t most = sides - 1; most; most >>= 8)
            value = value << 8 | next();
        return value % sides;
    }
    uint8_t next() {
        if (at_ == size_)
            at_ = 0;
        return size_ ? data_[at_++] : uint8_t{0};
    }

    const uint8_t* data_;
    size_t size_;
    size_t at_ = 0;
};

} // namespace edgecore

#endif
