/*
 * FarmHash Fingerprint64, the hash that TensorFlow and TFLite take of strings and keys: its values never change
 * (github.com/google/farmhash, farmhashna::Hash64).
 */
#ifndef LN_KERNELS_FINGERPRINT_H
#define LN_KERNELS_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

uint64_t ln_k_fingerprint64(const void *bytes, size_t count);

#endif
