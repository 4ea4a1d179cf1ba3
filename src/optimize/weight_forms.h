/* What the files of weight forms share: weight_forms.c decides and rounds, weight_halves.c keeps constants in 16 bits,
 * bf16_activations.c lets activations be bfloat16. */
#ifndef LN_OPTIMIZE_WEIGHT_FORMS_H
#define LN_OPTIMIZE_WEIGHT_FORMS_H

#include "optimize/quantize.h"

/* Why tensor `index` cannot change its form: something other than inputs of operators that the stage takes reads it.
 * NULL when it can. */
const char *ln_weight_form_shared(const ln_optimizer *o, const ln_stage *stage, int32_t index);
/*
 * The constant `index` becomes the output of an operator `code` (DEQUANTIZE or CAST) put before place `at`, whose input
 * is a new constant with the old one's name, of `type` with `quant`; `*stored` is that.
 */
ln_status ln_weight_form_unpack(ln_optimizer *o, int32_t index, int32_t at, int32_t code, ln_type type,
                                const ln_quant *quant, void *data, size_t bytes, int32_t *stored);

/* Constants of operators whose format is float16 or bfloat16 (weight_halves.c). */
ln_status ln_weight_halves(ln_optimizer *o, const ln_stage *stage);
/* Activations of operators whose format is bf16-int8 become bfloat16 (bf16_activations.c). */
ln_status ln_bf16_activations(ln_optimizer *o, const ln_stage *stage);

#endif
