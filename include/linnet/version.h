/* The version of the library and what this build can do. */
#ifndef LINNET_VERSION_H
#define LINNET_VERSION_H

#include "linnet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LN_VERSION_MAJOR 0
#define LN_VERSION_MINOR 1
#define LN_VERSION_PATCH 0

LN_API const char *ln_version(void);  /* "0.1.0"; of the library that runs, not of this header */
LN_API const char *ln_cpu_tier(void); /* kernel tier in use: generic, avx2, avxvnni, avx512, ... (LINNET_CPU) */
/* NULL, or what the environment's LINNET_CPU asks for that is no tier (the best tier is then in use). */
LN_API const char *ln_cpu_tier_unknown(void);

#ifdef __cplusplus
}
#endif
#endif
