/* Which library this is. */
#include "linnet/version.h"

#include "base/base.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *ln_version(void) { return TEXT(LN_VERSION_MAJOR) "." TEXT(LN_VERSION_MINOR) "." TEXT(LN_VERSION_PATCH); }

const char *ln_cpu_tier(void) { return ln_isa_name(ln_cpu_isa()); }

const char *ln_cpu_tier_unknown(void) { return ln_cpu_bad_request(); }
