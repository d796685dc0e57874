// Enumerators by the name users type. Names stand in the order of the enumerators.
#ifndef EDGECORE_VISION_NAMES_H
#define EDGECORE_VISION_NAMES_H

#include <cstddef>
#include <cstring>

namespace edgecore {

// False, and `out` untouched, when `name` is not among `names`.
template <typename Enum, size_t count>
bool find_name(const char* const (&names)[count], const char* name, Enum* out) noexcept {
    for (size_t i = 0; i < count; ++i) {
        if (std::strcmp(names[i], name) == 0) {
            *out = static_cast<Enum>(i);
            return true;
        }
    }
    return false;
}

} // namespace edgecore

#endif
