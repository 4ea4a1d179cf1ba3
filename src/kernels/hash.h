/*
 * Keyed and seeded 64-bit hashes of bytes: SipHash-2-4 (J.-P. Aumasson and D. J. Bernstein, 2012) and MurmurHash64A
 * (A. Appleby's, in the public domain). Both read little-endian words on every machine.
 */
#ifndef LN_KERNELS_HASH_H
#define LN_KERNELS_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t ln_k_siphash(const uint64_t key[2], const void *bytes, size_t count);
uint64_t ln_k_murmur64(uint64_t seed, const void *bytes, size_t count);

#endif
