/* int32 vectors of the tier that the including file is compiled for. */
#if defined(__aarch64__)
#include "kernels/arm/vec_i32.h"
#else
#include "kernels/x86/vec_i32.h"
#endif
