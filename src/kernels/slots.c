/*
 * In builds of chosen operators, in place of the table of kernels.c: a function a slot, made from the families' lists.
 * The generic row of a slot, which is its first, ends the function before and begins its own.
 */
#include "base/selection.h"
#include "kernels/kernels.h"

#define LN_KERNEL(family, slot, isa, type, name) extern type name;
#include "kernels/kernels.def"

#define ROW_LN_ISA_GENERIC(family, slot, isa, type, name) \
  return chosen;                                          \
  }                                                       \
  type *ln_kernel_##family##_##slot(void) {               \
    type *chosen = &name;
#define ROW_OF_TIER(family, slot, isa, type, name) \
  if (LN_HAS_TIER(isa) && ln_isa_includes(ln_cpu_isa(), isa)) chosen = &name;
#define ROW_LN_ISA_AVX2 ROW_OF_TIER
#define ROW_LN_ISA_AVX512 ROW_OF_TIER
#define ROW_LN_ISA_AVX512VNNI ROW_OF_TIER
#define ROW_LN_ISA_AVXVNNI ROW_OF_TIER
#define ROW_LN_ISA_NEON ROW_OF_TIER
#define ROW_LN_ISA_NEONDOT ROW_OF_TIER
#define ROW_LN_ISA_NEONI8MM ROW_OF_TIER
#define ROW_LN_ISA_AVX512BF16 ROW_OF_TIER
#define LN_KERNEL(family, slot, isa, type, name) ROW_##isa(family, slot, isa, type, name)

/* clang-format off */
extern const void *ln_kernel_of_none(void);
const void *ln_kernel_of_none(void) {
  const void *chosen = NULL;
#include "kernels/kernels.def"
  return chosen;
}
/* clang-format on */
