/*
 * Recurrent layers of Keras 2: a function that Keras marks with the name of its interface ("lstm_...", "gru_..."), of
 * which it has several forms that compute the same. What it computes follows from its inputs; the loop is not looked
 * at.
 */
#include "import/savedmodel/savedmodel.h"

bool ln_sm_keras_recurrent(ln_sm_call *c, const ln_sm_graph *function) {
  (void)c;
  (void)function;
  return false;
}
