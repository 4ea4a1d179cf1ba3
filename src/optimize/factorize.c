/* The technique factorize: layers split by whichever of the library's compressors loses as little as allowed for the
 * least work. */
#include <string.h>

#include "optimize/factorize.h"

const ln_parameter ln_parameters_factorize[] = {
    {"energy", LN_PARAMETER_NUMBER, "0.99", NULL, 0, 1, "share of a layer's output, in squares, that must be kept"},
    {"budget", LN_PARAMETER_NUMBER, "0", NULL, 0, 1,
     "share that all layers together may cost, shared out among them in place of energy; 0: by energy"},
    {"of", LN_PARAMETER_CHOICE, "macs", "macs|bytes", 0, 0, "what the budget counts"},
    {"least", LN_PARAMETER_NUMBER, "0.1", NULL, 0, 1,
     "share of a layer's work that must be saved for it to be split; and a twentieth of that of all layers' work or "
     "bytes"},
    {"method", LN_PARAMETER_CHOICE, "auto", "auto|svd|spatial|tucker", 0, 0,
     "how layers are split; auto: what is best"},
    {"samples", LN_PARAMETER_INTEGER, "512", NULL, 0, 1e6,
     "calibration samples by whose activations directions are judged; 0: by the weights alone"},
    {"mend", LN_PARAMETER_FLAG, "true", NULL, 0, 0,
     "let each layer make up for what those before it lose: the samples are run once more a layer"},
    {"kept", LN_PARAMETER_CHOICE, "leave", "leave|drop", 0, 0,
     "layers whose zeros or values an earlier stage keeps: leave them, or drop what is kept"},
    {.name = NULL}};

static bool is_wanted(const ln_parameter_values *values, const ln_compressor *compressor) {
  const char *method = ln_parameter_text(values, "method");
  return strcmp(method, "auto") == 0 || strcmp(method, compressor->name) == 0;
}

ln_status ln_technique_factorize(ln_optimizer *o, const ln_stage *stage) {
  const ln_compressor *const all[] = {ln_compressor_get(0), ln_compressor_get(1), ln_compressor_get(2)};
  return ln_compress(o, stage, ln_parameters_factorize, all, (int32_t)LN_COUNT(all), is_wanted);
}
