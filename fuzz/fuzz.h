/*
 * What the fuzz targets share. A target is a file fuzz_<target>.c with LLVMFuzzerTestOneInput: libFuzzer calls it in
 * `make fuzz`, replay.c over the kept inputs of corpus/<target>/ in `make test`. Any status is a good answer; a crash,
 * a sanitizer's finding, a hang, or a failure without a proper message is not.
 */
#ifndef LN_FUZZ_H
#define LN_FUZZ_H

#include "linnet/linnet.h"

__attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a stream of choices; zeros past its end. */
typedef struct fuzz_bytes {
  const uint8_t *data;
  size_t size;
} fuzz_bytes;

uint8_t fuzz_byte(fuzz_bytes *bytes);
/* In [0, limit), a byte taken for each 8 bits of the limit. */
uint32_t fuzz_below(fuzz_bytes *bytes, uint32_t limit);

/* Aborts when a failed call left no message of one line; counts nothing else. */
void fuzz_check(ln_status status, const ln_error *err);

/* A session under the fuzz targets' memory limit; on one thread without a number. */
ln_status fuzz_session(ln_model *model, ln_error *err, ln_session **out);
ln_status fuzz_session_on(ln_model *model, int32_t threads, ln_error *err, ln_session **out);
/* Whether a run is short enough to be worth its time. */
bool fuzz_is_short(const ln_session *session);
/* Numbers made from `seed` into every input: small ones into integers, in [-4, 4] into floats. */
void fuzz_fill(ln_session *session, uint32_t seed);

#endif
