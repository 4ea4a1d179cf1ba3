/* Has the linker take what liblinnet_convert gives out: the addresses of its functions. */
#include "linnet/convert.h"

typedef void (*given)(void);
extern const given linnet_convert_given[];
const given linnet_convert_given[] = {
    (given)ln_convert,           (given)ln_convert_library,      (given)ln_convert_kind,     (given)ln_convert_kind_what,
    (given)ln_conversion_destroy, (given)ln_conversion_kind,     (given)ln_conversion_model, (given)ln_conversion_source,
    (given)ln_conversion_save,   (given)ln_conversion_data,
};
