/*
 * What of the operators a build holds. A build of chosen operators (cmake/select.cmake) names in LN_SELECTION a header
 * that `linnet select` wrote from its models; any other build holds all there is, and every question here is true. The
 * answers are constants: what they exclude, compiler and linker leave out.
 *
 *   LN_OP_TYPES(id)      the element types, one bit an ln_type, that the operator meets; 0 for one that is left out.
 *                        Rows that share functions share their types. `id` is the row's, of ops.def or custom.def.
 *   LN_HAS(type)         whether any operator does
 *   LN_IN(types, type)   whether `type` is among `types`
 *   LN_MEETS(types, value, type)  whether `value`, one of `types`, is `type`
 *                        LN_UNSCALED among them says that integers of 8 or 16 bits come without a scale
 *   LN_ROW_OF(id)(row)   `row` where the operator is built in, nothing where it is not
 *   LN_UNLESS_ROW_OF(id)(text)  the other way round
 *   LN_TABLE_ROW(name)(row)  `row` where a table of the schema is built in (options of operators may not be)
 *   LN_IS_WHOLE          whether nothing is left out
 *   LN_HAS_STAND_INS     whether a tensor reaches a kernel as another type (ops/stand_in.c)
 *   LN_HAS_SPARSE        whether constants come in the sparse encoding
 *   LN_HAS_CODEBOOKS     whether constants come stored by table
 *   LN_HAS_BLOCKWISE     whether weights come quantized in blocks
 *   LN_HAS_ONE_CHANNEL   whether depthwise convolutions read one channel (ops/depthwise_product.c)
 *   LN_HAS_CUSTOM        whether there are custom operators
 *   LN_HAS_FLEX          whether there are Select-TF ones among them
 *   LN_HAS_TIER(isa)     whether kernels of this tier are built in
 */
#ifndef LN_SELECTION_H
#define LN_SELECTION_H

#include <stdint.h>

enum { LN_UNSCALED = 30 };

#define LN_KEEP(...) __VA_ARGS__
#define LN_DROP(...)

#if defined(LN_SELECTION)

#include LN_SELECTION

/* A macro of the header stands for several words, of which the later ones are taken; one it lacks, for its own name. */
#define LN_SECOND_OF(a, b, ...) b
#define LN_THIRD_OF(a, b, c, ...) c
#define LN_FOURTH_OF(a, b, c, d, ...) d
#define LN_SECOND(...) LN_SECOND_OF(__VA_ARGS__)
#define LN_THIRD(...) LN_THIRD_OF(__VA_ARGS__)
#define LN_FOURTH(...) LN_FOURTH_OF(__VA_ARGS__)

#define LN_OP_TYPES(id) LN_SECOND(LN_SELECTED_OP_##id, 0u, 0)
#define LN_ROW_OF(id) LN_THIRD(LN_SELECTED_OP_##id, 0u, LN_DROP, LN_KEEP, 0)
#define LN_UNLESS_ROW_OF(id) LN_FOURTH(LN_SELECTED_OP_##id, 0u, LN_DROP, LN_KEEP, 0)
#define LN_TABLE_ROW(name) LN_SECOND(LN_LEFT_OUT_##name, LN_KEEP, 0)
#define LN_IS_WHOLE 0
#define LN_ALL_TYPES LN_SELECTED_TYPES
#define LN_HAS_STAND_INS LN_SELECTED_STAND_INS
#define LN_HAS_SPARSE LN_SELECTED_SPARSE
#define LN_HAS_CODEBOOKS LN_SELECTED_CODEBOOKS
#define LN_HAS_BLOCKWISE LN_SELECTED_BLOCKWISE
#define LN_HAS_ONE_CHANNEL LN_SELECTED_ONE_CHANNEL
#define LN_HAS_CUSTOM LN_SELECTED_CUSTOM
#define LN_HAS_FLEX LN_SELECTED_FLEX
#define LN_HAS_TIER(isa) (((LN_TIERS) >> (isa)&1u) != 0)

#else

#define LN_OP_TYPES(id) UINT32_MAX
#define LN_ROW_OF(id) LN_KEEP
#define LN_UNLESS_ROW_OF(id) LN_DROP
#define LN_TABLE_ROW(name) LN_KEEP
#define LN_IS_WHOLE 1
#define LN_ALL_TYPES UINT32_MAX
#define LN_HAS_STAND_INS 1
#define LN_HAS_SPARSE 1
#define LN_HAS_CODEBOOKS 1
#define LN_HAS_BLOCKWISE 1
#define LN_HAS_ONE_CHANNEL 1
#define LN_HAS_CUSTOM 1
#define LN_HAS_FLEX 1
#define LN_HAS_TIER(isa) 1

#endif

#define LN_IN(types, type) (((types) >> (type)&1u) != 0)
#define LN_HAS(type) LN_IN(LN_ALL_TYPES, type)
#define LN_MEETS(types, value, type) (LN_IN(types, type) && (((types) & ~(1u << (type))) == 0 || (value) == (type)))

#endif
