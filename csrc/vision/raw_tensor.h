// Raw, still quantised elements and what they mean.
#ifndef EDGECORE_VISION_RAW_TENSOR_H
#define EDGECORE_VISION_RAW_TENSOR_H

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "vision/dispatch.h"
#include "vision/elementary.h"

namespace edgecore {

enum class ElementType { float32, int8, uint8 };

// real = float(q - zero_point) * scale in float32 for the integer types; scale > 0 and finite.
struct RawTensor {
    const void* data;
    ElementType type;
    float scale;
    std::int32_t zero_point;
};

// What is done to a real value to get a score.
enum class Activation { none, sigmoid };

inline float activated(Activation activation, float real) noexcept {
    return activation == Activation::sigmoid ? sigmoid(real) : real;
}

template <class T>
struct Raw {
    static constexpr bool is_float = std::is_same_v<T, float>;
    // Wide enough for a level above all that T holds.
    using Level = std::conditional_t<is_float, float, int>;

    const T* data;
    float scale;
    int zero_point;

    explicit Raw(const RawTensor& tensor)
        : data(static_cast<const T*>(tensor.data)), scale(tensor.scale),
          zero_point(tensor.zero_point) {}

    float real(Level level) const {
        if constexpr (is_float)
            return level;
        else
            return static_cast<float>(level - zero_point) * scale;
    }
    float at(std::size_t i) const { return real(data[i]); }

    // No raw value below it gives a score that reaches the threshold. Exact without activation.
    Level least_level(float threshold, Activation activation) const {
        const float least = activation == Activation::sigmoid ? below_logit(threshold) : threshold;
        if constexpr (is_float) {
            return least;
        } else {
            int level = std::numeric_limits<T>::min(), above = std::numeric_limits<T>::max() + 1;
            while (level < above) {
                const int middle = (level + above) >> 1;
                if (real(middle) >= least)
                    above = middle;
                else
                    level = middle + 1;
            }
            return level;
        }
    }

    static bool unreachable(Level level) { return level > std::numeric_limits<T>::max(); }
};

template <class T>
const Reaching<T>& reaching(const Kernels& kernels) {
    if constexpr (std::is_same_v<T, float>)
        return kernels.reaching_float32;
    else if constexpr (std::is_same_v<T, std::int8_t>)
        return kernels.reaching_int8;
    else
        return kernels.reaching_uint8;
}

template <class T>
constexpr T lowest() {
    if constexpr (std::numeric_limits<T>::has_infinity)
        return -std::numeric_limits<T>::infinity();
    else
        return std::numeric_limits<T>::lowest();
}

// Calls use(T{}) with the tensor's element type.
template <class Use>
void with_type(ElementType type, Use use) {
    switch (type) {
    case ElementType::float32:
        use(float{});
        break;
    case ElementType::int8:
        use(std::int8_t{});
        break;
    case ElementType::uint8:
        use(std::uint8_t{});
        break;
    }
}

// One element of a tensor whose type is not worth a loop of its own.
inline float real_at(const RawTensor& tensor, std::size_t i) {
    float value = 0.0f;
    with_type(tensor.type, [&](auto zero) { value = Raw<decltype(zero)>(tensor).at(i); });
    return value;
}

} // namespace edgecore

#endif
