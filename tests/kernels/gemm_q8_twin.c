/* The kernel of AVX-VNNI in AVX-512's encoding of the same instruction, for CPUs that have only that one. */
#define DPBUSD(sum, a, b) _mm256_dpbusd_epi32(sum, a, b)
#include "kernels/x86/gemm_q8_dpbusd_256.inc"

extern const ln_gemm_q8_kernel gemm_q8_twin;
const ln_gemm_q8_kernel gemm_q8_twin = DPBUSD_256_KERNEL("gemm_q8_6x16_avxvnni, of AVX-512");
