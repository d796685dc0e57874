// Opens and closes a region of code compiled for more than the architecture's baseline.
//
// The region replaces a compiler flag for the whole file: with a flag, inline functions of shared
// headers would be compiled for the larger set too, and the linker may keep that copy for everyone.
// So standard and intrinsics headers come first, and only the kernels lie inside. Features are
// written as each compiler's target attribute has them, the same for GCC and Clang but for NEON.
#ifndef EDGECORE_VISION_TARGET_H
#define EDGECORE_VISION_TARGET_H

#if defined(__x86_64__) || defined(__i386__)
#    define EDGECORE_X86 1
#elif defined(__aarch64__)
#    define EDGECORE_ARM64 1
#elif defined(__arm__) && defined(__ARM_FP) && (defined(__ARM_NEON) || !defined(__clang__))
#    define EDGECORE_ARM32 1
#endif

#if defined(__clang__)
#    define EDGECORE_NEON "neon"
#    define EDGECORE_NEON_DOTPROD "neon,dotprod"
#elif defined(EDGECORE_ARM64)
#    define EDGECORE_NEON "arch=armv8-a"
#    define EDGECORE_NEON_DOTPROD "arch=armv8.2-a+dotprod"
#else
#    define EDGECORE_NEON "fpu=neon"
#endif

// For the words of a vocabulary and what is made of them inside a loop: vectors stay in registers
// only where nothing is called.
#define EDGECORE_INLINE inline __attribute__((always_inline))

#define EDGECORE_PRAGMA(text) _Pragma(#text)

#if defined(__clang__)
#    define EDGECORE_TARGET_BEGIN(features)                                                        \
        EDGECORE_PRAGMA(                                                                           \
            clang attribute push(__attribute__((target(features))), apply_to = function))
#    define EDGECORE_TARGET_END EDGECORE_PRAGMA(clang attribute pop)
#else
#    define EDGECORE_TARGET_BEGIN(features)                                                        \
        EDGECORE_PRAGMA(GCC push_options)                                                          \
        EDGECORE_PRAGMA(GCC target(features))
#    define EDGECORE_TARGET_END EDGECORE_PRAGMA(GCC pop_options)
#endif

#endif
