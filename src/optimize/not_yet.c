/* Techniques whose files do not stand here yet. */
#include "optimize/optimize.h"

static ln_status not_yet(const ln_optimizer *o) {
  return ln_fail(o->err, LN_ERR_UNSUPPORTED, "%s is not built yet", o->stage);
}

#define NOT_YET(name)                                                     \
  const ln_parameter ln_parameters_##name[] = {{0}};                      \
  ln_status ln_technique_##name(ln_optimizer *o, const ln_stage *stage) { \
    (void)stage;                                                          \
    return not_yet(o);                                                    \
  }

NOT_YET(equalize)
