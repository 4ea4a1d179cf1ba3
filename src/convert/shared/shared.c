/* Has the linker take what liblinnet_convert gives out: the addresses of its functions. */
#include "linnet/convert.h"

typedef void (*given)(void);
extern const given linnet_convert_given[];
const given linnet_convert_given[] = {
    (given)ln_convert,
    (given)ln_convert_library,
    (given)ln_convert_kind,
    (given)ln_convert_kind_what,
    (given)ln_conversion_destroy,
    (given)ln_conversion_kind,
    (given)ln_conversion_model,
    (given)ln_conversion_source,
    (given)ln_conversion_save,
    (given)ln_conversion_data,
    (given)ln_conversion_check,
    (given)ln_conversion_verify,
    (given)ln_verification_destroy,
    (given)ln_verification_summary,
    (given)ln_verification_rows,
    (given)ln_verification_row,
    (given)ln_check_run,
    (given)ln_check_read,
    (given)ln_check_destroy,
    (given)ln_check_name,
    (given)ln_check_get_summary,
    (given)ln_check_finding_get,
    (given)ln_check_target,
    (given)ln_check_target_what,
    (given)ln_export,
};
