// The inner loops for x86-64 with AVX-512 F, BW, DQ, VL and BF16, which multiplies bfloat16.
#include <immintrin.h>

#define EGAZE_ISA avx512_bf16
#define EGAZE_ISA_NAME "avx512_bf16"
#define EGAZE_LANES 16
#define EGAZE_ROWS 8
#define EGAZE_VECTORS 2
#define EGAZE_PIXELS 14
#define EGAZE_MULTIPLIES_BFLOAT16
#include "primitives.inc"
