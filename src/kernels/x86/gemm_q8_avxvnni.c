/* Matrix products of bytes with AVX-VNNI, which CPUs without AVX-512 have. */
#define DPBUSD(sum, a, b) _mm256_dpbusd_avx_epi32(sum, a, b)
#include "kernels/x86/gemm_q8_dpbusd_256.inc"

const ln_gemm_q8_kernel ln_gemm_q8_6x16_avxvnni = {"gemm_q8_6x16_avxvnni",
                                                   MR,
                                                   NR,
                                                   GROUP,
                                                   LN_GEMM_A_U8,
                                                   run_q8,
                                                   run_i32,
                                                   convert_a,
                                                   pack_b,
                                                   1,
                                                   row_sums,
                                                   0,
                                                   NULL,
                                                   LN_IS_WHOLE};
