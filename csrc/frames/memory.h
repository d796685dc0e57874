#ifndef EC_FRAMES_MEMORY_H
#define EC_FRAMES_MEMORY_H

/* Memory behind a descriptor, which another process can neither shorten nor, where it is meant to
 * be read only, write. Whoever maps memory that may be shortened dies of SIGBUS at the first touch;
 * the seals are what rules that out. */

#include <stdbool.h>
#include <stdint.h>

/* All zero, its pages there; sealed against any change of its size, and with `readable_only`
 * against writing by anyone but this one mapping. Returns 0 or an errno. */
int ec_memory_make(const char* name, uint64_t bytes, bool readable_only, int* fd, void** at);

/* Maps what a peer gave. Returns 0 or an errno; EPERM: it could be shortened, or is too short. */
int ec_memory_map(int fd, uint64_t bytes, bool writable, void** at);
void ec_memory_unmap(void* at, uint64_t bytes);

/* 0: its size cannot be known. */
uint64_t ec_memory_size(int fd);

/* Before and after the processor touches the pixels of a dma-buf; nothing for other memory. */
typedef enum { EC_BEGIN_READ, EC_END_READ, EC_BEGIN_WRITE, EC_END_WRITE } ec_access;
void ec_memory_access(int fd, ec_access access);

#endif
