/* Matrix products of bytes with AVX-VNNI, which CPUs without AVX-512 have. */
#define DPBUSD(sum, a, b) _mm256_dpbusd_avx_epi32(sum, a, b)
#include "kernels/x86/gemm_q8_dpbusd_256.inc"

const ln_gemm_q8_kernel ln_gemm_q8_6x16_avxvnni = DPBUSD_256_KERNEL("gemm_q8_6x16_avxvnni");
