/* Runs the list of rewrites. */
#include "passes/convert/convert_passes.h"

ln_status ln_convert_passes_run(ln_model *model, const ln_convert_passes_options *options, ln_error *err) {
  (void)model, (void)options, (void)err;
  return LN_OK;
}
