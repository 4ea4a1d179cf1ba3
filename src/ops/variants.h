/* What distinguishes rows of ops.def that share functions; each family has an enumeration of its own. */
#ifndef LN_OPS_VARIANTS_H
#define LN_OPS_VARIANTS_H

enum { LN_VARIANT_NONE = 0 };

#endif
