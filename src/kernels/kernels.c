/*
 * Builds the table of kernels from the families' lists: the generic kernel first, then each tier over it. Builds of
 * chosen operators have slots.c in its place.
 */
#include "kernels/kernels.h"

#include <pthread.h>

#define LN_KERNEL(family, slot, isa, type, name) extern type name;
#include "kernels/kernels.def"

static const ln_kernel_row rows[] = {
#define LN_KERNEL(family, slot, isa, type, name) {#family, #slot, #name, isa},
#include "kernels/kernels.def"
    {NULL, NULL, NULL, LN_ISA_GENERIC},
};

ln_kernels ln_kernels_for(ln_isa isa) {
  ln_kernels table = {0};
  table.isa = isa;
#define LN_KERNEL(family, slot, tier, type, name) \
  if (ln_isa_includes(isa, tier)) table.family.slot = &name;
#include "kernels/kernels.def"
  return table;
}

static ln_kernels current;
static pthread_once_t current_once = PTHREAD_ONCE_INIT;

static void set_current(void) { current = ln_kernels_for(ln_cpu_isa()); }

static const ln_kernels *forced;

void ln_kernels_use(const ln_kernels *table) { forced = table; }

const ln_kernels *ln_kernels_get(void) {
  if (forced != NULL) return forced;
  pthread_once(&current_once, set_current);
  return &current;
}

int32_t ln_kernel_row_count(void) { return (int32_t)LN_COUNT(rows) - 1; }

const ln_kernel_row *ln_kernel_row_at(int32_t index) {
  return index < 0 || index >= ln_kernel_row_count() ? NULL : &rows[index];
}
