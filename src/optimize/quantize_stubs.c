/* Parts of the quantizer whose files do not stand here yet. */
#include "optimize/quantize.h"

ln_status ln_quantize_weight_forms(ln_optimizer *o, const ln_stage *stage, ln_quantize_format format) {
  (void)stage;
  (void)format;
  return ln_fail(o->err, LN_ERR_UNSUPPORTED, "%s: forms of weights alone are not built yet", o->stage);
}

ln_status ln_bias_correct(ln_optimizer *o, const ln_stage *stage, ln_model *before) {
  (void)stage;
  (void)before;
  return ln_fail(o->err, LN_ERR_UNSUPPORTED, "%s: bias correction is not built yet", o->stage);
}

ln_status ln_round_learned(ln_optimizer *o, const float *values, int32_t rows, int32_t columns, const float *scales,
                           int32_t bits, const float *patches, int64_t positions, int8_t *out) {
  (void)values;
  (void)rows;
  (void)columns;
  (void)scales;
  (void)bits;
  (void)patches;
  (void)positions;
  (void)out;
  return ln_fail(o->err, LN_ERR_UNSUPPORTED, "%s: learned rounding is not built yet", o->stage);
}
