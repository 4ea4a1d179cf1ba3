/* The caller's own memory: the public function of linnet/allocator.h. */
#include "base/base.h"

ln_status ln_set_allocator(const ln_allocator *allocator, ln_error *err) {
  if (allocator == NULL || allocator->size < sizeof *allocator || allocator->allocate == NULL ||
      allocator->release == NULL) {
    return ln_fail(err, LN_ERR_ARGUMENT, "an allocator needs its size and both functions");
  }
  if (ln_alloc_use(allocator)) return LN_OK;
  return ln_fail(err, LN_ERR_STATE, "memory was taken already: an allocator is set before anything else");
}
