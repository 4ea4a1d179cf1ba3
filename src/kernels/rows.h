/* Declares every kernel that the families' lists name: for the files that define them. */
#ifndef LN_KERNELS_ROWS_H
#define LN_KERNELS_ROWS_H

#include "kernels/kernels.h"

#define LN_KERNEL(family, slot, isa, type, name) extern type name;
#include "kernels/kernels.def"

#endif
