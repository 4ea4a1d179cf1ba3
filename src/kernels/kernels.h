/*
 * The kernels of this CPU: compute only - pointers, strides and sizes; no graph, no allocation, no I/O; C99.
 *
 * A family has a contract (<family>.h: what each slot computes, in comments exact enough to write another tier from), a
 * list (<family>.def: one row a kernel) and bodies (generic/<family>.c, x86/<family>_<isa>.c). The generic C version is
 * the contract; a tier's version gives the same bits in integers and stays within the stated bound in floats.
 * Adding a kernel touches two files: its row and its body. tests/kernels runs every row against the generic one.
 */
#ifndef LN_KERNELS_H
#define LN_KERNELS_H

#include "base/base.h"
#include "kernels/arg_minmax.h"
#include "kernels/binary.h"
#include "kernels/convert.h"
#include "kernels/dwconv.h"
#include "kernels/fixed16.h"
#include "kernels/gemm.h"
#include "kernels/hybrid.h"
#include "kernels/matvec.h"
#include "kernels/pool2d.h"
#include "kernels/resize.h"
#include "kernels/softmax.h"
#include "kernels/sparse.h"
#include "kernels/transpose.h"
#include "kernels/unary.h"
#include "kernels/winograd.h"

/*
 * The families. A family's header declares `ln_<family>_kernels`, a struct whose members (slots) are pointers to a
 * function type or to a constant descriptor (a function with its tile). A row of <family>.def is
 *   LN_KERNEL(family, slot, isa, type, name)
 * and says: from tier `isa` on, slot points to `name`, which is a `type`. The rows of a slot stand together in rising
 * order of tiers, the generic one first; those of one architecture have a macro of its own (tiers.h). kernels.def
 * includes the families' lists.
 */
#define LN_KERNEL_FAMILIES(F) \
  F(arg_minmax)               \
  F(binary)                   \
  F(convert)                  \
  F(dwconv)                   \
  F(gemm)                     \
  F(fixed16)                  \
  F(hybrid)                   \
  F(matvec)                   \
  F(pool2d)                   \
  F(resize)                   \
  F(softmax)                  \
  F(sparse)                   \
  F(transpose)                \
  F(unary)                    \
  F(winograd)

#define LN_FAMILY_MEMBER(family) ln_##family##_kernels family;
typedef struct ln_kernels {
  ln_isa isa;
  LN_KERNEL_FAMILIES(LN_FAMILY_MEMBER)
} ln_kernels;
#undef LN_FAMILY_MEMBER

/*
 * LN_KERNEL_OF(family, slot): the kernel of this CPU. A build of chosen operators has no table, which would name every
 * kernel, but a function a slot (slots.c), so that slots nobody asks for fall away.
 */
#if defined(LN_SELECTION)
#define LN_KERNEL_OF(family, slot) ln_kernel_##family##_##slot()
#define LN_KERNEL(family, slot, isa, type, name) type *ln_kernel_##family##_##slot(void);
#include "kernels/kernels.def"
#else
#define LN_KERNEL_OF(family, slot) (ln_kernels_get()->family.slot)
#endif

/* The table for this CPU (ln_cpu_isa), set once. */
const ln_kernels *ln_kernels_get(void);
/* The table that a CPU of tier `isa` would use: for tests. */
ln_kernels ln_kernels_for(ln_isa isa);
/* Tests only: what ln_kernels_get gives from now on, while no other thread runs; NULL: this CPU's own table again. */
void ln_kernels_use(const ln_kernels *table);

/* One row of a family's list, for tests and reports. */
typedef struct ln_kernel_row {
  const char *family, *slot, *name;
  ln_isa isa;
} ln_kernel_row;
int32_t ln_kernel_row_count(void);
const ln_kernel_row *ln_kernel_row_at(int32_t index);

#endif
