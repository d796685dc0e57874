#include "firmware/port/host/build.h"

#include <elf.h>
#include <link.h>
#include <string.h>

#define ID_BYTES 4u

/* Where this very file's ELF header lies in memory; the linker knows. */
extern const uint8_t __ehdr_start[] __attribute__((visibility("hidden")));

static uint32_t padded(uint32_t length) {
    return (length + 3u) & ~3u;
}

static const uint8_t* build_id_in(const uint8_t* notes, size_t length) {
    ElfW(Nhdr) note;
    for (size_t at = 0; at + sizeof note <= length;) {
        memcpy(&note, notes + at, sizeof note);
        size_t name = at + sizeof note, content = name + padded(note.n_namesz);
        if (content + note.n_descsz > length)
            return NULL;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof "GNU" &&
            memcmp(notes + name, "GNU", sizeof "GNU") == 0 && note.n_descsz >= ID_BYTES)
            return notes + content;
        at = content + padded(note.n_descsz);
    }
    return NULL;
}

/* The notes lie in the segment that the header begins, so at their place in the file. */
const uint8_t* ec_build_id(void) {
    const uint8_t* base = __ehdr_start;
    const ElfW(Ehdr)* header = (const ElfW(Ehdr)*)(const void*)base;
    const ElfW(Phdr)* segments = (const ElfW(Phdr)*)(const void*)(base + header->e_phoff);
    const uint8_t* id = NULL;
    for (unsigned i = 0; i < header->e_phnum && id == NULL; i++)
        if (segments[i].p_type == PT_NOTE)
            id = build_id_in(base + segments[i].p_offset, segments[i].p_filesz);
    return id;
}
