/* Rows of the families' lists that stand for one architecture's kernels: they vanish in builds without it. */
#ifndef LN_KERNELS_TIERS_H
#define LN_KERNELS_TIERS_H

#if defined(LN_X86)
#define LN_KERNEL_X86 LN_KERNEL
#else
#define LN_KERNEL_X86(family, slot, isa, type, name)
#endif

#if defined(LN_ARM)
#define LN_KERNEL_ARM LN_KERNEL
#else
#define LN_KERNEL_ARM(family, slot, isa, type, name)
#endif

#endif
